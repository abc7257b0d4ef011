import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { labApply, labDown, labExec, labProbe, labUp } from '../../src/lab/lab.ts';
import { LABS_DIRECTORY, labDirectory, NETNS_DIRECTORY } from '../../src/lab/lab-names.ts';
import { processesInNamespaces } from '../../src/lab/processes.ts';
import { folder, leftovers, NAME, up } from './running-lab.ts';

afterAll(() => folder.remove());

describe('a lab that goes', () => {
  afterEach(() => labDown({ name: NAME }));

  it('[A71] leaves nothing behind, and going again does nothing', async () => {
    await up();
    expect(leftovers().length).toBeGreaterThan(7);
    expect(await labDown({ name: NAME })).toMatchObject({ existed: true, namespaces: 7, processes: 7 });
    expect(leftovers()).toEqual([]);
    expect(await labDown({ name: NAME })).toMatchObject({ existed: false });
  });

  it('ends what runs inside it', async () => {
    await up();
    const inside = () => processesInNamespaces([`weir-${NAME}-p-shop-web`]).length;
    const shell = labExec({ name: NAME, who: 'shop/web', argv: ['sleep', '1000'] });
    while (inside() < 2) await sleep(5);
    await labDown({ name: NAME });
    expect(await shell).toBe(143);
    expect(leftovers()).toEqual([]);
  });

  it('is removed whole though its state is unreadable', async () => {
    await up();
    writeFileSync(`${labDirectory(NAME)}/state.json`, '{');
    await labDown({ name: NAME });
    expect(leftovers()).toEqual([]);
  });

  it.each(['making', 'starting', 'connecting'])(
    '[A71] is taken down again when Ctrl-C comes while it is %s its parts',
    async (step) => {
      const interruption = new AbortController();
      const onStep = (text: string) => text.startsWith(step) && interruption.abort();
      const { signal } = interruption;
      await expect(
        labUp({ name: NAME, manifests: [folder.path], agents: false, onStep, signal }),
      ).rejects.toThrow(/^interrupted; .* is gone again$/);
      expect(leftovers()).toEqual([]);
    },
  );

  it('is removed when it was only half made', async () => {
    const name = `weir-${NAME}-n-south`;
    execFileSync('ip', ['netns', 'add', name]);
    await expect(up()).rejects.toThrow(/exists/);
    expect(existsSync(`${NETNS_DIRECTORY}/weir-${NAME}-p-shop-web`)).toBe(false);
    await labDown({ name: NAME });
    expect(leftovers()).toEqual([]);
  });
});

describe('bad input', () => {
  it.each([
    [
      'a name that is none',
      () => labUp({ name: 'No', manifests: [folder.path] }),
      /"No" is not a lab's name/,
    ],
    [
      'manifests that are missing',
      () => labUp({ name: NAME, manifests: ['/nowhere'] }),
      /ENOENT.*check that/,
    ],
    ['a lab that does not exist', () => labApply({ name: NAME, paths: [folder.path] }), /there is no lab/],
    ['probes of a lab that does not exist', () => labProbe({ name: NAME, requests: [] }), /there is no lab/],
  ])('says what is wrong with %s', async (_, call, message) => {
    await expect(call()).rejects.toThrow(message);
    expect(leftovers()).toEqual([]);
  });

  it('says that there are no manifests in a folder', async () => {
    const empty = `${folder.path}/empty`;
    mkdirSync(empty);
    await expect(labUp({ name: NAME, manifests: [empty] })).rejects.toThrow(/no manifests in/);
    expect(existsSync(`${LABS_DIRECTORY}/${NAME}`)).toBe(false);
  });
});
