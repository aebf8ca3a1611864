import { z } from 'zod';
import { AMOUNT_MAX } from '../../domain/money.ts';
import { payBody } from '../checkout/schema.ts';

export const qrParams = z.object({ qr_token: z.string().regex(/^[0-9a-f]{32}$/) });

/** What somebody who scans the code sees before he pays. */
export const payee = z
  .strictObject({
    id: z.uuid(),
    business_name: z.string(),
    is_active: z.boolean(),
    is_verified: z.boolean(),
  })
  .meta({ id: 'Payee' });

export const qrPayBody = payBody
  .omit({ order_ref: true })
  .extend({
    /** Zero and less are refused with a 400 of their own. */
    amount: z.int().max(AMOUNT_MAX).meta({ description: 'In paise: ₹499.00 is 49900.' }),
  })
  .meta({ id: 'QrPayRequest', example: { amount: 49900, method: 'upi', vpa: 'success@payflow' } });
