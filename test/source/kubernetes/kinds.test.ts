import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManualClock, settle } from '../../agent/manual-clock.ts';
import { answerStatus, type FakeObject, fakeService } from './fake-server.ts';
import { beginFollowing, type Following } from './following.ts';

const CIDR: FakeObject = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  metadata: { name: 'more' },
  spec: { cidrs: ['10.112.0.0/16'] },
};

let following: Following;
beforeEach(async () => {
  following = await beginFollowing();
});
afterEach(() => following.end());

/** Everything of this kind is answered with this status, until the result is called. */
function refuse(resource: string, status: number): () => void {
  following.server.fault = (url, response) => {
    if (!url.pathname.endsWith(`/${resource}`)) return false;
    answerStatus(response, status, 'no');
    return true;
  };
  return () => {
    following.server.fault = null;
  };
}

const cidrs = () => [...following.recorder.objects.keys()].filter((key) => key.startsWith('ServiceCIDR'));

describe('a kind that a cluster may lack', () => {
  it('does not keep the others waiting, is told once, and is found when it is installed', async () => {
    const { server, recorder, lines, until } = following;
    const clock = createManualClock();
    server.set(fakeService('a'));
    const install = refuse('servicecidrs', 404);
    // Looks again after half a minute, twice before the other kinds' silence of 90 s would count.
    const source = following.create({ clock, random: () => 0 });
    await source.start(recorder.listen);
    expect(recorder.objects.has('Service/shop/a')).toBe(true);
    expect(source.state()).toMatchObject({ synced: true, reason: null, retries: 0 });
    expect(source.state().missingKinds).toEqual({ ServiceCIDR: 'not served by this API server' });
    await clock.advance(30_000);
    const looks = () => server.requests.filter(({ pathname }) => pathname.endsWith('/servicecidrs')).length;
    await until(() => looks() === 2);
    expect(lines.filter((line) => line.includes('servicecidrs'))).toEqual([
      'info: servicecidrs.networking.k8s.io: not served by this API server; Weir goes on without',
    ]);
    install();
    server.set(CIDR);
    await settle();
    await clock.advance(30_000);
    await until(() => cidrs().length === 1);
    expect(source.state().missingKinds).toEqual({});
    expect(lines.at(-1)).toMatch(/info: servicecidrs.*given now/);
  });

  it('takes its objects along when it is removed', async () => {
    const { server, recorder, until } = following;
    server.set(CIDR);
    const source = following.create();
    await source.start(recorder.listen);
    expect(cidrs()).toEqual(['ServiceCIDR//more']);
    refuse('servicecidrs', 404);
    server.cut();
    await until(() => cidrs().length === 0);
    await until(() => source.state().synced);
  });

  it('that is forbidden is a warning with the rule that is missing; what was known of it stays', async () => {
    const { server, recorder, lines, until } = following;
    server.set(CIDR);
    const source = following.create();
    await source.start(recorder.listen);
    refuse('servicecidrs', 403);
    server.cut();
    await until(() => Object.keys(source.state().missingKinds ?? {}).length === 1);
    await until(() => source.state().synced);
    expect(source.state().missingKinds?.ServiceCIDR).toMatch(/servicecidrs.*403.*ClusterRole/);
    expect(lines.filter((line) => line.includes('ClusterRole'))).toHaveLength(1);
    expect(lines.find((line) => line.includes('ClusterRole'))).toMatch(/^warn: .*Weir goes on without$/);
    expect(cidrs()).toEqual(['ServiceCIDR//more']);
    await source.rescan();
    expect(cidrs()).toEqual(['ServiceCIDR//more']);
  });

  it('is different from one that Weir needs: that keeps everything waiting', async () => {
    const { recorder, until } = following;
    const install = refuse('endpointslices', 404);
    const source = following.create();
    const begun = source.start(recorder.listen);
    await until(() => source.state().retries >= 2);
    expect(recorder.batches).toEqual([]);
    expect(source.state()).toMatchObject({ synced: false, missingKinds: {} });
    expect(source.state().reason).toMatch(/endpointslices.*not served/);
    install();
    await begun;
  });
});
