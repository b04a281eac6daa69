import { AppError } from '../protocol/index.ts'
import type { Database } from '../ports/index.ts'
import type { EventLog, NewEvent } from './event-log.ts'

/** A failure that is told in the event log, though what failed is rolled back. */
export class Refusal extends AppError {
  readonly event: NewEvent

  constructor(error: AppError, event: NewEvent) {
    super(error.code, error.details)
    this.event = event
  }
}

/** Does work that may refuse, and tells of a refusal in a transaction of its own. */
export const tellingRefusals = async <T>(
  { db, events }: { readonly db: Database; readonly events: EventLog },
  work: () => Promise<T>,
): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Refusal) await db.transact((tx) => events.append(tx, error.event))
    throw error
  }
}
