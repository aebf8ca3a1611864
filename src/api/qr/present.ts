import type { z } from 'zod';
import type { Payee } from '../../db/merchants.ts';
import type { payee } from './schema.ts';

export function presentPayee(row: Payee): z.input<typeof payee> {
  return {
    id: row.id,
    business_name: row.businessName,
    is_active: row.isActive,
    is_verified: row.isVerified,
  };
}
