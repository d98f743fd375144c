import Bytes
public import Durability
import Synchronization

/// One directory in memory that behaves, from a seed, as badly as a real one may.
///
/// What was written reads back at once, as through a page cache, but a crash keeps only a random
/// part of what was not synced: any older or newer content of each 4 KiB page, pages torn between
/// sectors or within one, any length the file has had since its last sync, and any part of the
/// changes to names that no `syncDirectory` followed. Space may run out and syncs may fail.
///
/// Each call that changes the disk is a step. `crash(at:)` names the step at which the machine
/// stops: that step takes effect in memory (a sync does not), the call throws, and so does every
/// later one. `afterCrash()` is then the disk that the next start of the machine finds. Trying
/// every step in turn tries every crash point.
///
/// The failure modes are those of Pillai et al., "All File Systems Are Not Created Equal" (OSDI
/// 2014), and, for failed syncs, Rebello et al., "Can Applications Recover from fsync Failures?"
/// (USENIX ATC 2020).
public final class SimulatedDisk: Disk {
  private let state: Mutex<SimulatedState>

  /// An empty directory. `capacity` is in bytes; files take whole pages of 4 KiB.
  public convenience init(seed: UInt64, capacity: Int = 1 << 40) {
    self.init(SimulatedState(seed: seed, capacity: capacity))
  }

  init(_ state: SimulatedState) { self.state = Mutex(state) }

  // MARK: Faults

  /// The machine stops at the step with this number, counted from 1 (nil: never).
  public func crash(at step: Int?) { state.withLock { $0.crashStep = step } }

  /// The sync with this number, counted from 1 (files only), fails with EIO: what it should have
  /// written stays readable and is forgotten all the same, as on Linux.
  public func failSync(number: Int?) { state.withLock { $0.failingSync = number } }

  /// Whether a file can be opened or made at all; without descriptors both fail with EMFILE.
  public func setHasDescriptors(_ hasThem: Bool) { state.withLock { $0.hasDescriptors = hasThem } }

  /// Changes the size of the disk in bytes, also to less than is in use.
  public func setCapacity(_ bytes: Int) { state.withLock { $0.capacity = bytes } }

  /// How many steps there have been.
  public var steps: Int { state.withLock { $0.steps } }

  /// How many syncs of files there have been.
  public var syncs: Int { state.withLock { $0.syncs } }

  public var hasCrashed: Bool { state.withLock { $0.hasCrashed } }

  /// Bytes in use, in whole pages.
  public var usedBytes: Int { state.withLock { $0.usedBytes } }

  // MARK: What remains

  /// The disk after power failed now: a part of what was not synced is lost.
  public func afterCrash() -> SimulatedDisk {
    SimulatedDisk(state.withLock { $0.survivors() })
  }

  /// The disk after the process died and the machine did not: all that was written is readable,
  /// and what was not synced may still be lost by a later crash.
  public func afterKill() -> SimulatedDisk {
    SimulatedDisk(
      state.withLock { state in
        var same = state
        same.steps = 0
        same.syncs = 0
        same.hasCrashed = false
        same.crashStep = nil
        same.failingSync = nil
        same.hasDescriptors = true
        return same
      })
  }

  // MARK: Disk

  public func names() throws(DiskError) -> [String] {
    try state.withLock { state throws(DiskError) in
      try state.admit("names", "")
      return state.names.map { $0.name }
    }
  }

  public func open(_ name: String) throws(DiskError) -> SimulatedFile {
    let file = try state.withLock { state throws(DiskError) in
      try state.open(name)
    }
    return SimulatedFile(disk: self, number: file, name: name)
  }

  public func create(_ name: String) throws(DiskError) -> SimulatedFile {
    let file = try state.withLock { state throws(DiskError) in try state.create(name) }
    return SimulatedFile(disk: self, number: file, name: name)
  }

  public func rename(_ name: String, to new: String) throws(DiskError) {
    try state.withLock { state throws(DiskError) in try state.rename(name, to: new) }
  }

  public func remove(_ name: String) throws(DiskError) {
    try state.withLock { state throws(DiskError) in try state.remove(name) }
  }

  public func syncDirectory() throws(DiskError) {
    try state.withLock { state throws(DiskError) in try state.syncDirectory() }
  }

  public func freeBytes() throws(DiskError) -> (free: UInt64, total: UInt64) {
    try state.withLock { state throws(DiskError) in
      try state.admit("freeBytes", "")
      let free = max(0, state.capacity - state.usedBytes)
      return (free: UInt64(free), total: UInt64(state.capacity))
    }
  }

  /// Runs `body` on the state, for the files of this disk.
  func withState<Result: Sendable>(
    _ body: (inout SimulatedState) throws(DiskError) -> Result
  ) throws(DiskError) -> Result {
    try state.withLock { state throws(DiskError) in try body(&state) }
  }
}

extension SimulatedDisk {
  /// The whole content of a file as it reads now, for tests. Nil where there is none.
  public func content(of name: String) -> [UInt8]? {
    state.withLock { state in
      state.names.first { $0.name == name }.map { state.files[$0.file].content }
    }
  }

  /// Changes bytes of a file behind the back of the code under test, durably: rot, not a write.
  public func overwrite(_ name: String, at offset: Int, with bytes: [UInt8]) {
    state.withLock { state in
      guard let entry = state.names.first(where: { $0.name == name }) else { return }
      state.files[entry.file].rot(at: offset, with: bytes)
    }
  }
}
