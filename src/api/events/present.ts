import type { z } from 'zod';
import type { PublicEvent } from '../../db/events.ts';
import { eventBody } from '../../domain/events.ts';
import type { events } from './schema.ts';

/** By way of the text that webhooks are signed over, so that the two can never differ. */
export function presentEvent(event: PublicEvent): z.input<typeof events>[number] {
  return JSON.parse(eventBody(event)) as z.input<typeof events>[number];
}
