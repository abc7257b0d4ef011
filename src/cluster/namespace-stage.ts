/** Namespaces: those that are used exist, and each carries its name as a label. */
import { objectName } from '../model/names.ts';
import type { NamespaceObject } from '../model/objects.ts';
import { NAMESPACE_NAME_LABEL } from './labels.ts';
import type { Dirty, State } from './state.ts';

export function settleNamespaces(state: State, dirty: Dirty): void {
  for (const name of new Set([...dirty.namespaces, ...state.output.touchedNamespaces()])) {
    const declared = state.input.namespaces.get(objectName('', name));
    if (declared !== undefined) state.output.put(labelled(declared));
    else if (state.output.inUse(name)) state.output.put(labelled(undeclared(name)));
    else state.output.remove('Namespace', objectName('', name));
  }
}

function labelled(namespace: NamespaceObject): NamespaceObject {
  return { ...namespace, labels: { ...namespace.labels, [NAMESPACE_NAME_LABEL]: namespace.name } };
}

function undeclared(name: string): NamespaceObject {
  return {
    kind: 'Namespace',
    namespace: '',
    name,
    uid: '',
    labels: {},
    annotations: {},
    createdAtMs: null,
    deleting: false,
  };
}
