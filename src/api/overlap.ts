import { z } from 'zod';

export const OVERLAP_HOURS = 24;
/** A week: longer, and what leaked stays good for too long. */
const OVERLAP_HOURS_MAX = 7 * 24;

/** How long the old one still works beside the new one; 0: not at all. */
export function overlapHours(description: string) {
  return z.int().min(0).max(OVERLAP_HOURS_MAX).default(OVERLAP_HOURS).meta({ description });
}
