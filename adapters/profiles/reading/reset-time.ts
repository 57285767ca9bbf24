/**
 * Owns: the hour at which a CLI says that a limit ends (`6:08am (UTC)`, `Nov 25, 3pm (Europe/Berlin)`), for machines.
 * Never: knows what time it is now: which day is meant is found out where that is known.
 */
import { timeZoneSchema } from '../../../api/resources/time-zone.ts';
import type { ResetTime } from '../screen.ts';

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const RESETS =
  /\bresets? (?:at )?(?:([a-z]{3})[a-z]* (\d{1,2})(?:,| at) )?(\d{1,2})(?::(\d{2}))? ?(am|pm) \(([\w+\-/]+)\)/i;

/** Undefined also where the line ends before its time zone does. */
export function resetTimeIn(text: string): ResetTime | undefined {
  const [, monthName, day, hour, minute = '0', half, zone] = RESETS.exec(text) ?? [];
  const timeZone = timeZoneSchema.safeParse(zone);
  const month = monthName === undefined ? 0 : MONTHS.indexOf(monthName.toLowerCase()) + 1;
  const date = monthName === undefined ? '* *' : `${Number(day)} ${month}`;
  const sane = Number(hour) >= 1 && Number(hour) <= 12 && Number(minute) < 60 && Number(day ?? 1) <= 31;
  if (!timeZone.success || !sane || (monthName !== undefined && (month === 0 || Number(day) === 0))) return undefined;
  const hours = (Number(hour) % 12) + (half?.toLowerCase() === 'pm' ? 12 : 0);
  return { cron: `${Number(minute)} ${hours} ${date} *`, timeZone: timeZone.data };
}
