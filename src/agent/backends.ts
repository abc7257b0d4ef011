/** Which backend serves what, and why: a wish that can't be met falls back and says so. */
import type { AgentStatus, BackendChoice } from './status.ts';

type Wish = 'auto' | 'bpf' | 'nft';

const NO_BPF = 'the BPF backend is not part of this version';

/** The backend of Services for what `--services-backend` asks. */
export function chooseServicesBackend(wish: Wish): BackendChoice {
  if (wish === 'nft') return { backend: 'nft', why: 'asked for by --services-backend=nft' };
  if (wish === 'bpf') return { backend: 'nft', why: `bpf was asked for, but ${NO_BPF}: nft serves instead` };
  return { backend: 'nft', why: `auto: ${NO_BPF}` };
}

/** Network policies are not enforced yet, whatever is asked. */
export function choosePolicyBackend(wish: Wish): BackendChoice {
  const asked = wish === 'auto' ? '' : `${wish} was asked for, but `;
  return { backend: 'none', why: `${asked}network policies are not enforced by this version` };
}

/** What was looked for on this machine. */
export function features(): AgentStatus['features'] {
  return {
    found: ['nftables'],
    missing: [{ feature: 'socket load-balancing', why: NO_BPF }],
  };
}
