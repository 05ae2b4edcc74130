/** The order book of a counterpart: three levels either side of the mark, the same for every symbol. */

/** Distance from the mark, and how much stands there, in the venue's own units (contracts where it counts those). */
const LEVELS = [
  { away: 0.0001, amount: 5 },
  { away: 0.0005, amount: 20 },
  { away: 0.002, amount: 75 },
];

/** @returns price and amount, best first. */
export function bookAround(mark: number): { bids: [number, number][]; asks: [number, number][] } {
  return {
    bids: LEVELS.map(({ away, amount }) => [mark * (1 - away), amount]),
    asks: LEVELS.map(({ away, amount }) => [mark * (1 + away), amount]),
  };
}
