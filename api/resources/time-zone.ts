/**
 * Owns: names of time zones, as the machine's own tables have them.
 * Never: reads a clock.
 */
import { z } from 'zod';

export const timeZoneSchema = z
  .string()
  .max(100)
  .refine(
    (name) => {
      try {
        return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
      } catch {
        return false;
      }
    },
    { message: 'is not a time zone (UTC, Europe/Berlin, America/New_York)' },
  );
