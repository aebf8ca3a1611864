/** A call that the bank does not take at all; nothing happened. */
export class BankRefusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string) {
    super(code);
    this.name = 'BankRefusal';
    this.status = status;
    this.code = code;
  }
}
