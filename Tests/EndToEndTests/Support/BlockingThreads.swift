import Foundation
import Testing

/// Threads for tests that wait on sockets: the runner's own pool has one per core, and a test that
/// waits there for a minute would hold up the rest.
final class BlockingThreads: TaskExecutor, @unchecked Sendable {
  /// Tests at work at the same time. More would only make each other slow on two cores.
  static let few = BlockingThreads(count: 10)
  /// For tests that spend their time waiting: all of them at once.
  static let many = BlockingThreads(count: 40)

  private let condition = NSCondition()
  private var jobs: [UnownedJob] = []
  private var begun = 0

  private init(count: Int) {
    for _ in 0..<count { Thread.detachNewThread { [self] in work() } }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    condition.withLock {
      jobs.append(job)
      condition.signal()
    }
  }

  private func work() {
    while true {
      let job = condition.withLock {
        while begun == jobs.count { condition.wait() }
        begun += 1
        return jobs[begun - 1]
      }
      job.runSynchronously(on: asUnownedTaskExecutor())
    }
  }
}

/// Runs a test on threads that may block.
struct BlockingTrait: TestTrait, SuiteTrait, TestScoping {
  let threads: BlockingThreads
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await withTaskExecutorPreference(threads) { try await function() }
  }
}

extension Trait where Self == BlockingTrait {
  /// The test talks to a node and blocks meanwhile.
  static var blocking: BlockingTrait { BlockingTrait(threads: .few) }
  /// The test mostly waits for the node's clock.
  static var waiting: BlockingTrait { BlockingTrait(threads: .many) }
}

/// Runs `body` once per index on as many threads, waits for all, and returns what each gave.
///
/// The first error thrown is thrown on. Expectations belong into the caller, not into `body`:
/// a thread of its own knows nothing of the test that it runs for. Nor do nodes: one that is
/// started there ends with the thread.
@discardableResult
func inParallel<Value: Sendable>(
  _ count: Int, _ body: @escaping @Sendable (Int) throws -> Value
) throws -> [Value] {
  try inBackground(count, body).wait(for: count)
}

/// Begins what `inParallel` does; the caller does something else meanwhile, and waits later.
func inBackground<Value: Sendable>(
  _ count: Int, _ body: @escaping @Sendable (Int) throws -> Value
) -> Results<Value> {
  let results = Results<Value>()
  for index in 0..<count {
    Thread.detachNewThread { results.add(index, Result { try body(index) }) }
  }
  return results
}

/// What threads at work give in the end.
final class Results<Value: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private var values: [Int: Result<Value, any Error>] = [:]

  fileprivate func add(_ index: Int, _ value: Result<Value, any Error>) {
    condition.withLock {
      values[index] = value
      condition.broadcast()
    }
  }

  @discardableResult
  func wait(for count: Int) throws -> [Value] {
    let all = condition.withLock {
      while values.count < count { condition.wait() }
      return values
    }
    return try (0..<count).map { try all[$0]!.get() }
  }
}
