/** Hostile packets through the policy programs where nothing is allowed: none may pass. The figure says how many a second. */
import { runOnPackets } from '../../../src/kernel/bpf-program.ts';
import { DIRECTIONS } from '../../../src/model/policy-rows.ts';
import { hostileFrames, mayPass } from '../../packet/hostile-packets.ts';
import { interfaceOf, POD, POD_ADDRESSES } from '../../packet/pod.ts';
import { createPolicyNode, POD_INTERFACE } from '../../packet/policy-node.ts';
import { deniedBut, rowsOf } from '../../packet/policy-rows.ts';
import { OWN, webServices } from '../../packet/service-node.ts';
import type { Scenario } from '../scenario.ts';

const ELSEWHERE = 7;
const BATCH = 20_000;

export const POLICY_FUZZ: Scenario = {
  name: 'policy-fuzz',
  about: 'ten million damaged and hostile packets through the policy programs: none passes what denies all',
  async run({ quick, random, progress }) {
    const rounds = quick ? 10 : 250;
    const node = await createPolicyNode({ admissionsPerSecond: 0, eventsPerSecond: 0 });
    const rates: number[] = [];
    try {
      await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, {}, deniedBut()), interfaceOf());
      await node.services.sync(webServices(8080), OWN);
      for (let round = 0; round < rounds; round++) {
        const begun = performance.now();
        for (const direction of DIRECTIONS) {
          const frames = hostileFrames(random, direction, BATCH);
          const program = direction === 'ingress' ? node.programs.toPod : node.programs.fromPod;
          const place = { interfaceIndex: POD_INTERFACE, ingressInterface: ELSEWHERE };
          const verdicts = await runOnPackets(program, frames, place);
          const passed = frames.find((frame, index) => verdicts[index] === 'pass' && !mayPass(frame));
          if (passed !== undefined)
            throw new Error(`a packet passed (${direction}): ${Buffer.from(passed).toString('hex')}`);
        }
        rates.push((DIRECTIONS.length * BATCH * 1000) / (performance.now() - begun));
        if (round % 50 === 49) progress(`${(round + 1) * DIRECTIONS.length * BATCH} packets, none passed`);
      }
    } finally {
      node.close();
    }
    return [
      {
        scenario: 'policy-fuzz',
        variant: `${rounds * DIRECTIONS.length * BATCH} packets`,
        metric: 'packets made, run and checked',
        unit: '/s',
        baseline: '',
        values: rates,
      },
    ];
  },
};
