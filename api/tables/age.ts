/**
 * Owns: how long ago something was, as tables tell it.
 * Never: asks what time it is.
 */

/** `45s`, `12m`, `3h`, `5d`: how long ago, in the largest unit, as kubectl does. */
export function age(iso: string | undefined, now: number): string {
  if (iso === undefined) return '<unknown>';
  const seconds = Math.max(0, Math.floor((now - Date.parse(iso)) / 1000));
  if (Number.isNaN(seconds)) return '<unknown>';
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 600)
    return seconds % 60 === 0 ? `${Math.floor(seconds / 60)}m` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
  if (seconds < 10_800) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
