import type { Queries } from '../../ports/index.ts'
import { AppError, errorRow, statusTable } from '../../protocol/index.ts'
import type { PromotionGate } from '../promotion/promotion-gate.ts'
import { Refusal } from '../refusal.ts'

/** Takes one record in; what it throws refuses the record. */
export type TakeIn<Item, Outcome> = (tx: Queries, item: Item) => Promise<Outcome>

interface Refused {
  readonly outcome: 'refused'
  readonly reason: string
}

/** Databases don't agree on characters of code 0 in texts. */
const holdsNul = (value: unknown): boolean => {
  if (typeof value === 'string') return value.includes('\0')
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsNul)
}

/** Thrown out of the transaction by a record that can't be kept. */
class ItemRefused extends Error {
  readonly index: number
  readonly refusal: AppError

  constructor(index: number, refusal: AppError) {
    super(refusal.message)
    this.index = index
    this.refusal = refusal
  }
}

/** Whether a failure is about the record, rather than about the server. */
const isOfItem = (error: unknown): error is AppError =>
  error instanceof AppError && (statusTable[errorRow(error.code).status].http < 500 || error.code === 'unsupported')

/**
 * Takes records in, as one transaction. One that is refused may have written half of itself: all is rolled back and done
 * again without it, which is at most as often as there are records.
 */
export const importBatch = async <Item, Outcome>(
  gate: PromotionGate,
  items: readonly Item[],
  takeIn: TakeIn<Item, Outcome>,
): Promise<(Outcome | Refused)[]> => {
  const refused = new Map<number, Refused>()
  for (const [index, item] of items.entries())
    if (holdsNul(item)) refused.set(index, { outcome: 'refused', reason: 'it holds a character of code 0' })
  for (;;) {
    try {
      return await gate.transact(async (tx) => {
        const outcomes: (Outcome | Refused)[] = []
        for (const [index, item] of items.entries()) {
          const known = refused.get(index)
          outcomes.push(known ?? (await takeIn(tx, item).catch((error: unknown) => refuse(index, error))))
        }
        return outcomes
      })
    } catch (error) {
      if (!(error instanceof ItemRefused)) throw error
      if (error.refusal instanceof Refusal) await tell(gate, error.refusal)
      refused.set(error.index, { outcome: 'refused', reason: error.refusal.message })
    }
  }
}

const refuse = (index: number, error: unknown): never => {
  throw isOfItem(error) ? new ItemRefused(index, error) : error
}

/** A refusal by a policy or for a signature stands in the log, though the batch goes on. */
const tell = async (gate: PromotionGate, refusal: Refusal): Promise<void> => {
  await gate
    .transact(async () => {
      throw refusal
    })
    .catch((error: unknown) => {
      if (error !== refusal) throw error
    })
}
