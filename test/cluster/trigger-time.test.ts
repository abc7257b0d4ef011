import { describe, expect, it } from 'vitest';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import type { ObjectChange } from '../../src/model/objects.ts';
import { node, objectsOf, pod, service } from './completion.ts';

const BORN = 'creationTimestamp: "2026-01-01T00:00:00Z"';
const WEB = service('web', 'selector: {app: web}, ports: [{port: 80}]', BORN);
const readyAt = (name: string, time: string, status = 'True') =>
  pod(name, '', `conditions: [{type: Ready, status: "${status}", lastTransitionTime: "${time}"}]`);

const sets = (yaml: string): readonly ObjectChange[] =>
  objectsOf(yaml).map((object) => ({ type: 'set', object }));

/** Trigger times of the slices that a batch changes, by name. */
function timesOf(changes: readonly ObjectChange[]): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    changes.flatMap((change) =>
      change.type === 'set' && change.object.kind === 'EndpointSlice'
        ? [
            [
              change.object.name,
              change.object.annotations['endpoints.kubernetes.io/last-change-trigger-time'],
            ],
          ]
        : [],
    ),
  );
}

describe('the trigger time of a slice', () => {
  it('is the creation of a new Service, then the first change of readiness that led to the slice', () => {
    const plane = createControlPlane(DEFAULT_CLUSTER_OPTIONS);
    const times = (yaml: string) => timesOf(plane.apply(sets(yaml)).changes);
    const first = readyAt('p', '2026-01-01T00:00:05Z');
    expect(times(node('a') + WEB + first)).toEqual({ 'web-ipv4-0': '2026-01-01T00:00:00Z' });
    const two = readyAt('p', '2026-01-01T00:01:00.25Z', 'False') + readyAt('q', '2026-01-01T00:02:00Z');
    expect(times(two)).toEqual({ 'web-ipv4-0': '2026-01-01T00:01:00.25Z' });
    expect(times(two)).toEqual({});
  });

  it('is absent where no object tells one, and goes where a change has none', () => {
    const plane = createControlPlane(DEFAULT_CLUSTER_OPTIONS);
    const times = (yaml: string) => timesOf(plane.apply(sets(yaml)).changes);
    expect(times(node('a') + WEB.replace(`, ${BORN}`, ''))).toEqual({ 'web-ipv4-0': undefined });
    expect(times(readyAt('p', '2026-01-01T00:00:05Z'))).toEqual({ 'web-ipv4-0': '2026-01-01T00:00:05Z' });
    expect(times(pod('q', ''))).toEqual({ 'web-ipv4-0': undefined });
  });

  it('is kept by slices that nothing changes, also by a control plane that takes over', () => {
    const plane = createControlPlane(DEFAULT_CLUSTER_OPTIONS);
    plane.apply(sets(node('a') + WEB));
    plane.apply(sets(readyAt('p', '2026-01-01T00:00:05Z')));
    const next = createControlPlane(DEFAULT_CLUSTER_OPTIONS, plane.history());
    const { changes } = next.apply(sets(node('a') + WEB + readyAt('p', '2026-01-01T00:00:05Z')));
    expect(timesOf(changes)).toEqual({ 'web-ipv4-0': '2026-01-01T00:00:05Z' });
  });
});
