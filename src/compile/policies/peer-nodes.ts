/** Nodes as peers: every address in a Node's status stands for it. */
import type { Address } from '../../model/address.ts';
import type { NodeName } from '../../model/names.ts';
import type { NodeObject } from '../../model/objects.ts';
import { type LabelSelector, selectorMatches } from '../../model/policy.ts';
import { createPostings } from './postings.ts';
import type { Term } from './terms.ts';

export interface PeerNodes {
  /** null: the node is gone. */
  set(name: NodeName, node: NodeObject | null): void;
  begin(term: Term, nodes: LabelSelector): void;
  end(term: Term): void;
  termsAt(address: Address): readonly Term[];
}

/** @param touch hears of each address of which other terms may hold now */
export function createPeerNodes(touch: (address: Address) => void): PeerNodes {
  const nodes = new Map<NodeName, NodeObject>();
  const byAddress = createPostings<NodeName>();
  const terms = new Map<Term, LabelSelector>();

  function touchMatching(selector: LabelSelector): void {
    for (const node of nodes.values())
      if (selectorMatches(selector, node.labels)) for (const { address } of node.addresses) touch(address);
  }

  return {
    set(name, node) {
      for (const { address } of nodes.get(name)?.addresses ?? []) {
        byAddress.remove(address, name);
        touch(address);
      }
      if (node === null) nodes.delete(name);
      else nodes.set(name, node);
      for (const { address } of node?.addresses ?? []) {
        byAddress.add(address, name);
        touch(address);
      }
    },
    begin(term, selector) {
      terms.set(term, selector);
      touchMatching(selector);
    },
    end(term) {
      const selector = terms.get(term);
      if (selector === undefined) return;
      terms.delete(term);
      touchMatching(selector);
    },
    termsAt(address) {
      const found: Term[] = [];
      for (const name of byAddress.of(address))
        for (const [term, selector] of terms)
          if (selectorMatches(selector, nodes.get(name)?.labels ?? {})) found.push(term);
      return found;
    },
  };
}
