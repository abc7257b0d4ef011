/** Kubernetes quantities: numbers with a suffix for their scale. */

const PATTERN = /^\+?(\d+\.?\d*|\.\d+)(m|[kMGTPE]|[eE][+-]?\d+|)$/;
const SCALES: Readonly<Record<string, number>> = {
  '': 1000,
  m: 1,
  k: 1e6,
  M: 1e9,
  G: 1e12,
  T: 1e15,
  P: 1e18,
  E: 1e21,
};

/** The quantity in thousandths, rounded up as the API server does; undefined for what is none or below 0. */
export function millisOf(value: unknown): number | undefined {
  const match = PATTERN.exec(
    typeof value === 'number' ? String(value) : typeof value === 'string' ? value : '',
  );
  if (match === null) return undefined;
  const [, digits = '', suffix = ''] = match;
  const scale = SCALES[suffix] ?? 1000 * Number(`1${suffix}`);
  // A product of decimals is a hair off: 1.1 × 1000 must not become 1101.
  const product = Number(digits) * scale;
  const nearest = Math.round(product);
  return Math.abs(product - nearest) < 1e-6 ? nearest : Math.ceil(product);
}
