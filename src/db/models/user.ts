import { Model, snakeCaseMappers } from 'objection';

export class UserModel extends Model {
  static override tableName = 'users';
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare name: string;
  declare email: string;
  declare passwordHash: string;
  declare role: 'user' | 'merchant' | 'admin';
  declare tokenVersion: number;
  declare createdAt: string;
}
