/** Everything that leaves is masked: what a source or a person wrote may hold a secret of ours. Pure. */

/** The same value with each of its strings masked. */
export function masked<T>(value: T, mask: (text: string) => string): T {
  if (typeof value === 'string') return mask(value) as T;
  if (Array.isArray(value)) return value.map((one) => masked(one, mask)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, masked(one, mask)])) as T;
}
