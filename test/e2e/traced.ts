/** What `weir trace` says to the questions that a lab is asked. */
import { defaultCompileOptions } from '../../src/agent/configuration.ts';
import { completeObjects } from '../../src/cluster/complete.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import { traceManifests } from '../../src/explain/trace.ts';
import type { NodeName } from '../../src/model/names.ts';
import { parseProbeRequest } from '../../src/model/probe-request.ts';
import { parseObject } from '../../src/source/parse-object.ts';
import type { Question } from './lab-cluster.ts';
import type { Manifest } from './manifests.ts';

/** Verdicts by question, where the families are asked one by one; an error is a verdict too. */
export function tracedVerdicts(
  manifests: readonly Manifest[],
  questions: readonly Question[],
): readonly string[] {
  const parsed = manifests.flatMap((manifest) => {
    const result = parseObject(manifest, 'lab.json');
    return result.type === 'object' ? [result.object] : [];
  });
  const { objects } = completeObjects(parsed, DEFAULT_CLUSTER_OPTIONS);
  const compile = { ...defaultCompileOptions('' as NodeName), masqueradePods: true };
  const requests = questions.map((question) => parseProbeRequest(question));
  const lines = traceManifests({ objects, requests, options: { compile, node: null } });
  return lines.map((line) => ('error' in line ? line.error : line.verdict));
}
