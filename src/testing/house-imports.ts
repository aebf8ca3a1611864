/** Who may import what: for each place what is allowed there and what is not. */
export interface Row {
  /** Where the file stands; its depth matters. */
  readonly in: string;
  /** Specifiers, or whole statements. */
  readonly allowed: readonly string[];
  readonly refused: readonly string[];
}

const NOT_SHORTEST = ['./../../domain/money.ts', '../../domain/../db/pool.ts'];

export const IMPORTS: readonly Row[] = [
  {
    in: 'src/domain',
    allowed: ['./money.ts', "import type { Money } from './money.ts'"],
    refused: [
      '../db/pool.ts',
      'node:crypto',
      'zod',
      "import type { Pool } from 'pg'",
      "export * from '../config.ts'",
      "export const fs = import('node:fs')",
      './../db/pool.ts',
    ],
  },
  {
    in: 'workflows',
    allowed: [
      './messages.ts',
      '../src/domain/order.ts',
      '@temporalio/workflow',
      '@temporalio/common',
      "import type { BankActivities } from '../activities/index.ts'",
      "import type { Batch } from '../src/db/record.ts'",
    ],
    refused: [
      'zod',
      'node:fs',
      '@temporalio/client',
      '../activities/index.ts',
      '../src/db/record.ts',
      '../src/db/pool.ts',
      '../src/config.ts',
      '../src/domain/../db/record.ts',
      "import type { Pool } from '../src/db/pool.ts'",
      "import type { Config } from '../src/config.ts'",
      "import type { OrderEngine } from '../src/temporal/orders.ts'",
      "import type { X } from '../src/db/records.ts'",
      "import type { X } from '../src/dashboard/x.ts'",
      "import type { X } from '../migrations/x.ts'",
      "import type { X } from '../chaos/x.ts'",
      "import type { Connector } from '../src/connectors/connector.ts'",
    ],
  },
  {
    in: 'activities',
    allowed: [
      './bank.ts',
      '../src/domain/retry.ts',
      '../src/db/record.ts',
      '../src/connectors/connector.ts',
      '../src/webhooks/post.ts',
      '@temporalio/activity',
      'node:timers/promises',
      "import type pg from 'pg'",
    ],
    refused: [
      '../src/api/deps.ts',
      '../workflows/messages.ts',
      '../src/temporal/orders.ts',
      '../src/config.ts',
      '../src/composition.ts',
      '@temporalio/client',
      'pg',
      "import type { ApiDeps } from '../src/api/deps.ts'",
      "import type { OrderInput } from '../workflows/messages.ts'",
      "import type { Hooks } from '../chaos/hooks.ts'",
    ],
  },
  {
    in: 'src/temporal',
    allowed: [
      './client.ts',
      '../domain/order.ts',
      '../db/commands.ts',
      '../../workflows/messages.ts',
      '@temporalio/client',
      "import type { webhookDispatcher } from '../../workflows/webhooks.ts'",
    ],
    refused: [
      '../../activities/index.ts',
      '../api/deps.ts',
      '../../workflows/order.ts',
      '../webhooks/post.ts',
      '../composition.ts',
      'koa',
      "import type { BankActivities } from '../../activities/index.ts'",
      "import type { ApiDeps } from '../api/deps.ts'",
    ],
  },
  {
    in: 'src/api',
    allowed: [
      './deps.ts',
      './webhooks/routes.ts',
      '../domain/money.ts',
      '../temporal/orders.ts',
      '../db/pool.ts',
      'koa',
      'node:fs/promises',
    ],
    refused: [
      '../../activities/index.ts',
      '../../workflows/messages.ts',
      '../connectors/connector.ts',
      '../webhooks/sign.ts',
      '../config.ts',
      '../composition.ts',
      '../bank/magic.ts',
      '@temporalio/client',
      "import type { Connector } from '../connectors/connector.ts'",
    ],
  },
  {
    in: 'src/api/orders',
    allowed: [
      './schema.ts',
      '../deps.ts',
      '../webhooks/routes.ts',
      '../../domain/money.ts',
      '../../temporal/orders.ts',
      '../../db/orders.ts',
      '../../../checkout/page/page.ts',
      'zod',
    ],
    refused: [
      '../../../checkout/sdk/payflow.ts',
      '../../../activities/index.ts',
      '../../../workflows/messages.ts',
      '../../connectors/connector.ts',
      '../../webhooks/sign.ts',
      '../../config.ts',
      '../../composition.ts',
      '../../local/home.ts',
      '@temporalio/workflow',
      ...NOT_SHORTEST,
    ],
  },
  {
    in: 'src/api/checkout/page',
    allowed: ['./tabs.ts', '../schema.ts', '../../deps.ts', '../../../domain/money.ts'],
    refused: [
      '../../../connectors/connector.ts',
      '../../../../workflows/messages.ts',
      '../../../composition.ts',
    ],
  },
  ...['db', 'connectors', 'webhooks'].flatMap((folder): Row[] => {
    const others = ['api', 'temporal', 'bank', 'db', 'connectors', 'webhooks'].filter(
      (other) => other !== folder,
    );
    const library = { db: 'knex', connectors: 'zod', webhooks: 'ipaddr.js' }[folder]!;
    return [
      {
        in: `src/${folder}`,
        allowed: ['./x.ts', './x/y.ts', '../domain/money.ts', library, 'node:crypto'],
        refused: [
          ...others.map((other) => `../${other}/x.ts`),
          '../config.ts',
          '../composition.ts',
          'koa',
          '@temporalio/client',
        ],
      },
      {
        in: `src/${folder}/below`,
        allowed: ['./x.ts', '../x.ts', '../../domain/money.ts', library],
        refused: [
          ...others.map((other) => `../../${other}/x.ts`),
          '../../../workflows/messages.ts',
          'koa',
          ...NOT_SHORTEST,
        ],
      },
    ];
  }),
  {
    in: 'src/bank',
    allowed: ['./magic.ts', '../domain/money.ts', 'koa', 'pg', 'node:net'],
    refused: [
      '../domain/order.ts',
      '../db/pool.ts',
      '../config.ts',
      '../connectors/connector.ts',
      '../composition.ts',
    ],
  },
  {
    in: 'src/bank/pages',
    allowed: ['../magic.ts', '../../domain/money.ts'],
    refused: ['../../domain/order.ts', '../../db/pool.ts'],
  },
  {
    in: 'src/local',
    allowed: ['./home.ts', 'pg', 'picocolors', 'node:fs'],
    refused: [
      '../api/app.ts',
      '../domain/money.ts',
      '../composition.ts',
      '../cli/up.ts',
      '../../workflows/messages.ts',
    ],
  },
  {
    in: 'src/audit',
    allowed: ['./verify.ts', '../domain/order.ts', '../db/pool.ts', 'pg', 'zod', 'node:util'],
    refused: [
      '../api/app.ts',
      '../bank/journal.ts',
      '../connectors/connector.ts',
      '../temporal/orders.ts',
      '../cli/audit.ts',
      '../config.ts',
      '../composition.ts',
      'koa',
      ...NOT_SHORTEST,
    ],
  },
  {
    in: 'src/cli',
    allowed: [
      '../audit/verify.ts',
      '../local/up.ts',
      '../db/pool.ts',
      '../temporal/client.ts',
      '../temporal/readiness.ts',
      '../config.ts',
      '../composition.ts',
      '../domain/money.ts',
      'commander',
    ],
    refused: ['../api/app.ts', '../bank/bank.ts', '../../activities/index.ts', '../temporal/orders.ts'],
  },
  {
    in: 'migrations',
    allowed: ["import type { Knex } from 'knex'"],
    refused: ['../src/db/models/user.ts', '../src/domain/money.ts', 'objection', './202611240900_x.ts'],
  },
  {
    in: 'checkout/sdk',
    allowed: [
      './frame.ts',
      "import type { Order } from '../../src/api/orders/schema.ts'",
      "import type { x } from 'y'",
    ],
    refused: ['../../src/domain/money.ts', 'preact'],
  },
  {
    in: 'chaos',
    allowed: [
      './kill.ts',
      '../bench/stack.ts',
      '../src/local/run-file.ts',
      '../src/audit/bank-journal.ts',
      '../src/cli/environment.ts',
      'pg',
      'node:http',
      "import type { Reply } from '../src/domain/commands.ts'",
    ],
    refused: [
      '../src/db/record.ts',
      '../src/composition.ts',
      '../activities/index.ts',
      '../workflows/messages.ts',
      '../src/bank/magic.ts',
      '../bench/engine.ts',
    ],
  },
];
