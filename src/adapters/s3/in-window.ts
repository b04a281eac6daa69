/** Gives the results of tasks in their order, with up to `windowSize` of them under way at once. */
export async function* inWindow<T>(
  tasks: AsyncIterable<() => Promise<T>> | Iterable<() => Promise<T>>,
  windowSize: number,
): AsyncGenerator<T> {
  const underWay: Promise<T>[] = []
  try {
    for await (const task of tasks) {
      const started = task()
      // Why: it is awaited later, when others before it may have failed.
      started.catch(() => {})
      underWay.push(started)
      if (underWay.length >= windowSize) yield await (underWay.shift() as Promise<T>)
    }
    while (underWay.length > 0) yield await (underWay.shift() as Promise<T>)
  } finally {
    // Nothing is still at work once this has ended.
    await Promise.allSettled(underWay)
  }
}
