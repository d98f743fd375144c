/// Sequences of one origin: all from 1 up to `base`, and runs of them beyond it.
///
/// Sequences arrive nearly in order, so that `beyond` is empty nearly always; during a pull, which
/// brings the records of a shard in the order of their hashes, it holds as many runs as records.
struct SequenceSet: Equatable, Sendable {
  /// Whole numbers from `first` to `last`, both included; never empty.
  struct Run: Equatable, Sendable {
    var first: UInt64
    var last: UInt64
  }

  /// All of 1 … base; 0 where not even 1 is in.
  private(set) var base: UInt64 = 0
  /// Ascending, with a gap before each, the first one's gap being behind `base`.
  private(set) var beyond: [Run] = []

  init() {}

  /// Nil where the runs do not ascend with gaps between them.
  init?(base: UInt64, beyond: [Run]) {
    var end = base
    for run in beyond {
      guard run.first > end, run.first - end > 1, run.last >= run.first else { return nil }
      end = run.last
    }
    self.base = base
    self.beyond = beyond
  }

  var isEmpty: Bool { base == 0 && beyond.isEmpty }

  /// How many sequences there are.
  var count: UInt64 { beyond.reduce(base) { $0 &+ ($1.last - $1.first) &+ 1 } }

  @inline(__always)
  func contains(_ sequence: UInt64) -> Bool {
    if sequence <= base { return true }
    if beyond.isEmpty { return false }
    let index = firstRun(endingAtOrAfter: sequence)
    return index < beyond.count && beyond[index].first <= sequence
  }

  /// False where it was in already.
  @inline(__always)
  mutating func insert(_ sequence: UInt64) -> Bool {
    if sequence <= base { return false }
    if beyond.isEmpty && sequence == base + 1 {
      base = sequence
      return true
    }
    return insertBeyond(sequence)
  }

  private mutating func insertBeyond(_ sequence: UInt64) -> Bool {
    let index = firstRun(endingAtOrAfter: sequence)
    if index < beyond.count && beyond[index].first <= sequence { return false }
    // It lies in the gap before `index`, and may close it on either side.
    let joinsNext = index < beyond.count && beyond[index].first == sequence + 1
    if sequence == base + 1 {
      base = sequence
      if joinsNext {
        base = beyond[index].last
        beyond.remove(at: index)
      }
    } else if index > 0 && beyond[index - 1].last == sequence - 1 {
      beyond[index - 1].last = joinsNext ? beyond[index].last : sequence
      if joinsNext { beyond.remove(at: index) }
    } else if joinsNext {
      beyond[index].first = sequence
    } else {
      beyond.insert(Run(first: sequence, last: sequence), at: index)
    }
    return true
  }

  /// Whether everything in `other` is in here.
  func isSuperset(of other: SequenceSet) -> Bool {
    if other.base > base { return false }
    var index = 0
    for run in other.beyond {
      if run.last <= base { continue }
      // What `base` holds of the run's front cannot reach into a run beyond it: there is a gap.
      if run.first <= base { return false }
      while index < beyond.count && beyond[index].last < run.first { index += 1 }
      guard index < beyond.count, beyond[index].first <= run.first, beyond[index].last >= run.last
      else { return false }
    }
    return true
  }

  /// How many sequences of `other` are not in here.
  func missingCount(of other: SequenceSet) -> UInt64 {
    var united = self
    united.formUnion(other)
    return united.count &- count
  }

  mutating func formUnion(_ other: SequenceSet) {
    if beyond.isEmpty && other.beyond.isEmpty {
      base = max(base, other.base)
      return
    }
    var united = SequenceSet()
    united.base = max(base, other.base)
    var (left, right) = (0, 0)
    while left < beyond.count || right < other.beyond.count {
      if right == other.beyond.count
        || left < beyond.count && beyond[left].first <= other.beyond[right].first
      {
        united.append(beyond[left])
        left += 1
      } else {
        united.append(other.beyond[right])
        right += 1
      }
    }
    self = united
  }

  /// Adds a run that begins no earlier than all that were appended before it.
  mutating func append(_ run: Run) {
    if run.last <= base { return }
    if let last = beyond.last {
      if run.last <= last.last { return }
      if run.first <= last.last || run.first - last.last == 1 {
        beyond[beyond.count - 1].last = run.last
        return
      }
    } else if run.first <= base || run.first - base == 1 {
      base = run.last
      return
    }
    beyond.append(run)
  }

  private func firstRun(endingAtOrAfter sequence: UInt64) -> Int {
    var (low, high) = (0, beyond.count)
    while low < high {
      let middle = (low + high) / 2
      if beyond[middle].last < sequence { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
