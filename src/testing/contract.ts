import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { OpenApiDocument } from '../api/openapi.ts';

export interface Answer {
  readonly method: string;
  /** As it was asked for, without the query. */
  readonly path: string;
  readonly status: number;
  readonly mediaType: string;
  readonly body: unknown;
}

interface Operation {
  readonly responses: Record<string, { content?: Record<string, { schema?: object }> }>;
}

/** Throws if an answer is not one that the document declares for its route. */
export type ContractCheck = (answer: Answer) => void;

export function createContractCheck(document: OpenApiDocument): ContractCheck {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const compiled = new Map<object, ValidateFunction>();
  const validator = (schema: object) => {
    const known = compiled.get(schema) ?? ajv.compile({ ...schema, components: document.components });
    compiled.set(schema, known);
    return known;
  };
  return (answer) => {
    const where = `${answer.method} ${answer.path} → ${answer.status}`;
    const schema = schemaOf(document, answer, where);
    if (schema === null) {
      if (answer.body !== '') throw new Error(`${where}: a body where none is declared`);
      return;
    }
    const validate = validator(schema);
    if (!validate(answer.body)) {
      throw new Error(`${where}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(answer.body)}`);
    }
  };
}

/** null: no body. */
function schemaOf(document: OpenApiDocument, answer: Answer, where: string): object | null {
  const operation = operationOf(document, answer);
  // What no route takes is still an error like every other.
  if (operation === null) return { $ref: '#/components/schemas/Error' };
  const response = operation.responses[String(answer.status)];
  if (response === undefined) throw new Error(`${where}: undeclared status\n${JSON.stringify(answer.body)}`);
  if (response.content === undefined) return null;
  const content = response.content[answer.mediaType];
  if (content?.schema === undefined) throw new Error(`${where}: undeclared media type ${answer.mediaType}`);
  return content.schema;
}

function operationOf({ paths }: OpenApiDocument, { method, path }: Answer): Operation | null {
  for (const [template, item] of Object.entries(paths ?? {})) {
    if (!matches(template, path)) continue;
    const operation = (item as Record<string, Operation | undefined>)[method.toLowerCase()];
    if (operation !== undefined) return operation;
  }
  return null;
}

function matches(template: string, path: string): boolean {
  const pattern = template.replace(/\/$/, '').replace(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^${pattern}/?$`).test(path);
}
