import type { z } from 'zod';

/** A declared answer: with a schema it is JSON, without one it is a text of its media type, or nothing. */
export interface ResponseSpec<
  S extends z.ZodType | null = z.ZodType | null,
  T extends string | null = string | null,
> {
  readonly description: string;
  readonly schema: S;
  readonly mediaType: T;
}

export type Responses = Readonly<Record<number, ResponseSpec>>;

type BodyOf<S> =
  S extends ResponseSpec<infer Z, infer T>
    ? Z extends z.ZodType
      ? z.input<Z>
      : T extends string
        ? string | Buffer
        : null
    : never;

/** One of the declared answers, status and body together. */
export type ReplyOf<R extends Responses> = {
  [S in keyof R & number]: {
    readonly status: S;
    readonly body: BodyOf<R[S]>;
    readonly headers?: Readonly<Record<string, string>>;
  };
}[keyof R & number];

export function json<S extends z.ZodType>(
  description: string,
  schema: S,
): ResponseSpec<S, 'application/json'> {
  return { description, schema, mediaType: 'application/json' };
}

export function text<T extends string>(description: string, mediaType: T): ResponseSpec<null, T> {
  return { description, schema: null, mediaType };
}

export function empty(description: string): ResponseSpec<null, null> {
  return { description, schema: null, mediaType: null };
}
