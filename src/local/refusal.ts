/** Says in one line what is in the way and what to do; shown without a stack. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}
