/** core/v1 Service. */
import type { Address, Prefix } from '../model/address.ts';
import type { ServiceObject } from '../model/objects.ts';
import {
  childField,
  type Field,
  fieldAt,
  isPresent,
  readAddress,
  readBoolean,
  readChoice,
  readInteger,
  readItems,
  readOptionalPort,
  readPrefix,
  readText,
  refuse,
  reject,
} from './field.ts';
import { readLabels, readMeta } from './meta.ts';
import { readDnsSubdomain, readQualifiedName } from './name-syntax.ts';
import { readClusterAddresses } from './service-addresses.ts';
import { readServicePorts } from './service-ports.ts';
import { rejectForeignFields, SOURCE_RANGES_ANNOTATION } from './service-type.ts';

const TOPOLOGY_MODE_ANNOTATION = 'service.kubernetes.io/topology-mode';
const TOPOLOGY_HINTS_ANNOTATION = 'service.kubernetes.io/topology-aware-hints';
const TYPES = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const;
const POLICIES = ['Cluster', 'Local'] as const;
const DEFAULT_AFFINITY_SECONDS = 10800;
const LONGEST_AFFINITY_SECONDS = 86400;

/** Findings say what is wrong; the result holds only where none is an error. */
export function readServiceObject(root: Field): ServiceObject {
  const meta = readMeta(root, 'namespaced', 'label');
  const spec = childField(root, 'spec');
  const type = readChoice(childField(spec, 'type'), TYPES) ?? 'ClusterIP';
  const selector = readSelector(childField(spec, 'selector'));
  const { clusterIps, ipFamilies, ipFamilyPolicy } = readClusterAddresses(spec, type, selector !== null);
  if (!isPresent(spec)) refuse(spec, 'MissingValue', 'the Service has no spec', 'add spec with ports');
  if (type === 'ExternalName') readExternalName(childField(spec, 'externalName'));
  const service: ServiceObject = {
    kind: 'Service',
    ...meta,
    type,
    selector,
    clusterIps,
    ipFamilies,
    ipFamilyPolicy,
    ports: readServicePorts(childField(spec, 'ports'), type, clusterIps === 'headless'),
    externalIps: readAddresses(childField(spec, 'externalIPs')),
    ...readLoadBalancer(root, spec, meta.annotations[SOURCE_RANGES_ANNOTATION]),
    externalTrafficPolicy: readChoice(childField(spec, 'externalTrafficPolicy'), POLICIES) ?? 'Cluster',
    internalTrafficPolicy: readChoice(childField(spec, 'internalTrafficPolicy'), POLICIES) ?? 'Cluster',
    healthCheckNodePort: readOptionalPort(childField(spec, 'healthCheckNodePort')),
    publishNotReadyAddresses: readBoolean(childField(spec, 'publishNotReadyAddresses'), false),
    affinitySeconds: readAffinity(spec),
    trafficDistribution:
      readChoice(childField(spec, 'trafficDistribution'), [
        'PreferSameZone',
        'PreferClose',
        'PreferSameNode',
      ]) ?? null,
  };
  rejectForeignFields(root, service);
  rejectTwoModes(root, meta.annotations);
  return service;
}

/** null for none; an empty one selects nothing and counts as none, as in the API server. */
function readSelector(field: Field): ServiceObject['selector'] {
  const selector = readLabels(field);
  return Object.keys(selector).length === 0 ? null : selector;
}

function readExternalName(field: Field): void {
  const name = readText(field);
  if (name === undefined || name === '') {
    const remedy = 'set spec.externalName to the DNS name it stands for';
    refuse(field, 'MissingValue', 'a Service of type ExternalName needs a name', remedy);
    return;
  }
  // A final dot is allowed in DNS names, and so here.
  readDnsSubdomain({ ...field, value: name.replace(/\.$/, '') });
}

function readAddresses(field: Field): readonly Address[] {
  const addresses = readItems(field).flatMap((item) => {
    return (
      readAddress(item) ?? refuse(item, 'MissingValue', 'the address is empty', 'give an IP address') ?? []
    );
  });
  return [...new Set(addresses)];
}

function readLoadBalancer(root: Field, spec: Field, annotatedRanges: string | undefined) {
  const ipField = childField(spec, 'loadBalancerIP');
  return {
    loadBalancerIngress: readIngress(fieldAt(root, 'status', 'loadBalancer', 'ingress')),
    loadBalancerSourceRanges: readSourceRanges(
      root,
      childField(spec, 'loadBalancerSourceRanges'),
      annotatedRanges,
    ),
    loadBalancerIp: ipField.value === '' ? null : (readAddress(ipField) ?? null),
    loadBalancerClass: readQualifiedName(childField(spec, 'loadBalancerClass')) ?? null,
    allocateLoadBalancerNodePorts: readBoolean(childField(spec, 'allocateLoadBalancerNodePorts'), true),
  };
}

/** Ingress points that are host names are left out: there is no address to match. */
function readIngress(field: Field): ServiceObject['loadBalancerIngress'] {
  return readItems(field).flatMap((item) => {
    const ipField = childField(item, 'ip');
    const ipMode = readChoice(childField(item, 'ipMode'), ['VIP', 'Proxy']) ?? 'VIP';
    const address = ipField.value === '' ? undefined : readAddress(ipField);
    return address === undefined ? [] : { address, ipMode };
  });
}

/** The field wins; the annotation, a comma-separated list, counts where the field is empty. Blanks around are allowed. */
function readSourceRanges(root: Field, field: Field, annotated: string | undefined): readonly Prefix[] {
  const items = readItems(field);
  if (items.length > 0 || annotated === undefined || annotated.trim() === '') {
    return items.flatMap((item) => readPrefix(item) ?? []);
  }
  const annotation = fieldAt(root, 'metadata', 'annotations', SOURCE_RANGES_ANNOTATION);
  return annotated.split(',').flatMap((value) => readPrefix({ ...annotation, value }) ?? []);
}

function readAffinity(spec: Field): number | null {
  const affinity = readChoice(childField(spec, 'sessionAffinity'), ['None', 'ClientIP']) ?? 'None';
  if (affinity === 'None') return null;
  const field = fieldAt(spec, 'sessionAffinityConfig', 'clientIP', 'timeoutSeconds');
  return readInteger(field, 1, LONGEST_AFFINITY_SECONDS) ?? DEFAULT_AFFINITY_SECONDS;
}

/** topology-mode and its older name must say the same. */
function rejectTwoModes(root: Field, annotations: ServiceObject['annotations']): void {
  const [mode, older] = [TOPOLOGY_MODE_ANNOTATION, TOPOLOGY_HINTS_ANNOTATION];
  if (annotations[mode] === undefined || annotations[older] === undefined) return;
  if (annotations[mode] === annotations[older]) return;
  const field = fieldAt(root, 'metadata', 'annotations', mode);
  reject(field, 'InvalidValue', `it differs from ${older}`, 'keep one of the two');
}
