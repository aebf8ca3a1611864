/** The legacy API's money: rupees as a number with at most two decimals. Everywhere else it is paise. */

/** Of a number for which `isWholePaise` holds: exact up to the largest amount of an order. */
export function paiseOf(rupees: number): number {
  return Math.round(rupees * 100);
}

/** Whether it is a number of rupees with at most two decimals, as it was written. */
export function isWholePaise(rupees: number): boolean {
  return rupeesOf(paiseOf(rupees)) === rupees;
}

/** The number nearest to it, which is the one that its two decimals are read as. */
export function rupeesOf(paise: number): number {
  return paise / 100;
}
