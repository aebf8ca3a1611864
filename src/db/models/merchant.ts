import { Model, snakeCaseMappers } from 'objection';

export class MerchantModel extends Model {
  static override tableName = 'merchants';
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare userId: string;
  declare businessName: string;
  declare businessEmail: string;
  declare website: string | null;
  declare qrToken: string;
  declare isActive: boolean;
  declare isVerified: boolean;
  declare createdAt: string;

  // Of the primary webhook endpoint, where a query joins it.
  declare endpointId?: string;
  declare webhookUrl?: string | null;
  declare secretVersion?: number;
}
