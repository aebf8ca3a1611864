import { Model, snakeCaseMappers } from 'objection';

export class ApiKeyModel extends Model {
  static override tableName = 'api_keys';
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare merchantId: string;
  declare keyId: string;
  declare secretHash: string;
  declare label: string;
  declare scopes: ('read' | 'write' | 'refund')[];
  declare isActive: boolean;
  declare expiresAt: string | null;
  declare lastUsedAt: string | null;
  declare successorId: string | null;
  declare createdAt: string;
}
