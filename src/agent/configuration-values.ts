/** How the text of each key becomes a value; every refusal says what is wrong and what to write instead. */
import { z } from 'zod';
import { type AddressPool, parsePools } from '../cluster/address-pool.ts';
import { addressBits, type Prefix, parseAddress, parsePrefix, prefixOf } from '../model/address.ts';
import { type Port, parsePort } from '../model/names.ts';
import { parseDuration } from './duration.ts';
import { isInstanceName } from './instance-name.ts';

export interface BindAddress {
  readonly host: string;
  readonly port: number;
}

type Parsed<T> = { readonly value: T } | { readonly error: string };

function textOf<T>(parse: (text: string) => Parsed<T>) {
  return z.string().transform((text, context): T => {
    const parsed = parse(text.trim());
    if ('value' in parsed) return parsed.value;
    context.addIssue({ code: 'custom', message: parsed.error });
    return z.NEVER;
  });
}

/** `true` or `false`. */
export const switchValue = textOf<boolean>((text) =>
  text === 'true' || text === 'false' ? { value: text === 'true' } : { error: 'write true or false' },
);

/** A comma list of CIDRs, strictly written; empty text: none. */
export const prefixList = textOf<readonly Prefix[]>((text) => {
  const items = text === '' ? [] : text.split(',').map((item) => item.trim());
  const errors = items.flatMap((item) => prefixError(item) ?? []);
  if (errors.length > 0) return { error: errors.join('; ') };
  return { value: items.flatMap((item) => parsePrefix(item) ?? []) };
});

/** One of the words, exactly. */
export function oneOf<const Word extends string>(...words: readonly Word[]) {
  return textOf<Word>((text) => {
    const word = words.find((candidate) => candidate === text);
    return word === undefined ? { error: `write one of ${words.join(', ')}` } : { value: word };
  });
}

/** A duration of at least `leastMs`, in milliseconds. */
export function durationValue(leastMs: number) {
  return textOf<number>((text) => {
    const value = parseDuration(text);
    if (value === undefined)
      return { error: 'not a duration; write a number with a unit, like 400ms, 30s or 1m' };
    return value < leastMs ? { error: `too short; write at least ${leastMs}ms` } : { value };
  });
}

/** `FIRST-LAST` as kube-apiserver writes it. */
export const portRange = textOf<readonly [Port, Port]>((text) => {
  const [first, last] = text
    .split('-')
    .map((part) => (/^\d+$/.test(part) ? parsePort(Number(part)) : undefined));
  if (first === undefined || last === undefined || text.split('-').length !== 2 || first > last) {
    return { error: 'not a port range; write FIRST-LAST with 1 ≤ FIRST ≤ LAST ≤ 65535, like 30000-32767' };
  }
  return { value: [first, last] };
});

/** `127.0.0.1:10249`, `[::1]:10249`; port 0 asks for any free port; empty text: null. */
export const bindAddress = textOf<BindAddress | null>((text) => {
  if (text === '') return { value: null };
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || parseAddress(host) === undefined || !(port <= 65535)) {
    return {
      error: 'not an address and port; write like 127.0.0.1:10249 or [::]:10249, or nothing to switch it off',
    };
  }
  return { value: { host, port } };
});

/** See instance-name.ts. */
export const instanceName = textOf<string>((text) =>
  isInstanceName(text)
    ? { value: text }
    : { error: 'write 1 to 80 letters, digits, dots, dashes or underscores, the first a letter or digit' },
);

/** A node's name as Kubernetes has it; empty text: the host's own, which is null here. */
export const nodeNameValue = textOf<string | null>((text) => {
  if (text === '') return { value: null };
  return text.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text)
    ? { value: text }
    : {
        error:
          'not a node name; write lower-case letters, digits, dashes and dots, as in `kubectl get nodes`',
      };
});

/** A label value; empty text: null. */
export const labelValue = textOf<string | null>((text) => {
  if (text === '') return { value: null };
  return text.length <= 63 && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(text)
    ? { value: text }
    : { error: 'not a label value; write up to 63 letters, digits, dashes, dots or underscores' };
});

/** Any text on one line, such as a path; empty: null. */
export const optionalText = textOf<string | null>((text) =>
  /\p{Cc}/u.test(text)
    ? { error: 'has control characters; write plain text on one line' }
    : { value: text === '' ? null : text },
);

/** Pools of load-balancer addresses: CIDRs and ranges, or a JSON list of pools. */
export const poolList = textOf<readonly AddressPool[]>(parsePools);

/** A folder, or the word `kubernetes`. */
export const sourceValue = textOf<string>((text) =>
  text === ''
    ? { error: 'must be given; write the folder of manifests to read, or kubernetes' }
    : { value: text },
);

function prefixError(item: string): string | undefined {
  if (parsePrefix(item) !== undefined) return undefined;
  const [addressText = '', lengthText] = item.split('/');
  const address = parseAddress(addressText);
  if (address === undefined)
    return `${item || 'an empty item'} is not a CIDR; write like 10.0.0.0/8 or fd00::/64`;
  const length = lengthText === undefined ? addressBits(address) : Number(lengthText);
  if (!/^\d{1,3}$/.test(lengthText ?? '0') || length > addressBits(address)) {
    return `${item} has no valid length; write /0 to /${addressBits(address)} after the address`;
  }
  return `${item} is not a canonical CIDR; write ${prefixOf(address, length)}`;
}
