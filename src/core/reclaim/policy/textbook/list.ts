/**
 * The textbook policies there are, in the order in which they are told: one line each.
 * Linux: none, this is a policy of the books
 * Doc: docs/policies.md
 */
import { startArc } from "./arc.ts";
import type { TextbookPolicy } from "./cache.ts";
import { startClock, startClock0 } from "./clock.ts";
import { startClockPro } from "./clock-pro.ts";
import { startFifo } from "./fifo.ts";
import { startLfu } from "./lfu.ts";
import { startLru } from "./lru.ts";
import { startNru } from "./nru.ts";
import { startOpt } from "./opt.ts";
import { startRandom } from "./random.ts";
import { startS3Fifo } from "./s3-fifo.ts";
import { startSecondChance } from "./second-chance.ts";
import { startSieve } from "./sieve.ts";
import { startTwoQ } from "./two-q.ts";

function policy(name: string, about: string, start: TextbookPolicy["start"]): TextbookPolicy {
  return { name, about, needsFuture: false, start };
}

/** The list. */
export const TEXTBOOK_POLICIES: readonly TextbookPolicy[] = [
  policy("fifo", "the page that came first leaves", startFifo),
  policy("lru", "the page not used for the longest time leaves", startLru),
  policy("clock", "a hand and a bit a page; a page enters with its bit set", startClock),
  policy("clock-0", "the same; a page enters with its bit clear", startClock0),
  policy("second-chance", "FIFO, but a page that was used goes round once more", startSecondChance),
  policy("nru", "a page of the lowest class of (used, written) leaves, by lot", startNru),
  policy("lfu", "the page used least often since it came leaves, the oldest use among equals", startLfu),
  policy("random", "any page leaves, by lot", startRandom),
  policy("2q", "a FIFO queue to prove oneself in, an LRU list for those that did", startTwoQ),
  policy("arc", "recency against frequency, balanced by what came back too soon", startArc),
  policy("clock-pro", "hot and cold pages told apart by test periods, three hands", startClockPro),
  policy("sieve", "FIFO with a hand that sifts out what was not used", startSieve),
  policy("s3-fifo", "a small, a main and a ghost FIFO queue", startS3Fifo),
  {
    name: "opt",
    about: "the page used again last leaves (needs the whole trace)",
    needsFuture: true,
    start: startOpt,
  },
];
