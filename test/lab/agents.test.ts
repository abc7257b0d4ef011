import { describe, expect, it } from 'vitest';
import { agentArguments } from '../../src/lab/agents.ts';
import type { AgentPlan } from '../../src/lab/plan.ts';
import type { NodeName } from '../../src/model/names.ts';

const AGENT: AgentPlan = {
  node: 'north' as NodeName,
  namespace: 'n',
  instance: 'lab-x-north',
  cgroup: '/sys/fs/cgroup/x',
};

describe('what an agent of a lab is started with', () => {
  it('is the cgroup of its node, or no sockets: never those of a kubelet on this machine', () => {
    expect(agentArguments(AGENT, [], []).join(' ')).toContain('--socket-lb-cgroup /sys/fs/cgroup/x');
    expect(agentArguments({ ...AGENT, cgroup: null }, [], []).join(' ')).toContain('--socket-lb off');
  });
});
