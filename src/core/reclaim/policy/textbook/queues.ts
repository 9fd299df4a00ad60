/**
 * Queues of pages as columns: each page stands in one queue at most, so two links a page are enough for any number of them.
 *
 *   head (newest) <-> … <-> tail (oldest)        one more row a queue closes the circle: next of it is the head
 *
 * Linux: none, this is a policy of the books
 * Doc: docs/policies.md
 */

/** The queues. Rows 1 to `pages` are pages, the rows after them close the circles. */
export interface Queues {
  readonly next: Int32Array;
  readonly prev: Int32Array;
  /** By page: number of its queue, from 1; 0 when it stands in none. */
  readonly where: Uint8Array;
  /** By queue: pages in it. */
  readonly length: Int32Array;
  readonly pages: number;
}

/** `count` empty queues, numbered from 1. */
export function createQueues(pages: number, count: number): Queues {
  const next = new Int32Array(pages + 1 + count);
  const prev = new Int32Array(pages + 1 + count);
  for (let queue = 1; queue <= count; queue++) {
    next[pages + queue] = pages + queue;
    prev[pages + queue] = pages + queue;
  }
  return { next, prev, where: new Uint8Array(pages + 1), length: new Int32Array(count + 1), pages };
}

/** Puts a page that stands nowhere at the head. */
export function pushHead(q: Queues, queue: number, page: number): void {
  const { next, prev } = q;
  const circle = q.pages + queue;
  const first = next[circle]!;
  next[page] = first;
  prev[page] = circle;
  prev[first] = page;
  next[circle] = page;
  q.where[page] = queue;
  q.length[queue]!++;
}

/** Takes a page out of its queue. */
export function takeOut(q: Queues, page: number): void {
  const { next, prev } = q;
  const before = prev[page]!;
  const after = next[page]!;
  next[before] = after;
  prev[after] = before;
  q.length[q.where[page]!]!--;
  q.where[page] = 0;
}

/** Moves a page to the head of a queue. */
export function moveTo(q: Queues, queue: number, page: number): void {
  takeOut(q, page);
  pushHead(q, queue, page);
}

/** The oldest page of a queue that is not empty. */
export function tailOf(q: Queues, queue: number): number {
  return q.prev[q.pages + queue]!;
}
