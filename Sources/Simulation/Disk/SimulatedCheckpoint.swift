import Bytes
public import Durability

/// A checkpoint in memory: a transaction is there as a whole after a crash, or not at all.
public struct SimulatedCheckpoint: CheckpointStore {
  private struct Row {
    let id: Int64
    var block: [UInt8]
  }

  private struct Table {
    /// Sorted by number.
    var rows: [Row] = []
    var meta: [(key: String, value: [UInt8])] = []

    func index(of id: Int64) -> (index: Int, isFound: Bool) {
      let index = rows.firstIndex { $0.id >= id } ?? rows.count
      return (index, index < rows.count && rows[index].id == id)
    }
  }

  private var committed = Table()
  private var open: Table?

  public init() {}

  /// What a crash leaves: the transaction that was open is gone.
  public mutating func crash() { open = nil }

  public mutating func begin() throws(CheckpointStoreError) {
    precondition(open == nil, "one transaction at a time")
    open = committed
  }

  public mutating func replaceBlock(
    _ id: Int64, _ block: Span<UInt8>
  ) throws(CheckpointStoreError) {
    let row = Row(id: id, block: [UInt8](copying: block))
    change { table in
      let (index, isFound) = table.index(of: id)
      if isFound { table.rows[index] = row } else { table.rows.insert(row, at: index) }
    }
  }

  public mutating func deleteBlock(_ id: Int64) throws(CheckpointStoreError) {
    change { table in
      let (index, isFound) = table.index(of: id)
      if isFound { table.rows.remove(at: index) }
    }
  }

  public mutating func setMeta(
    _ key: String, _ value: Span<UInt8>
  ) throws(CheckpointStoreError) {
    let value = [UInt8](copying: value)
    change { table in
      table.meta.removeAll { $0.key == key }
      table.meta.append((key, value))
    }
  }

  public mutating func commit() throws(CheckpointStoreError) {
    guard let table = open else { preconditionFailure("a transaction is open") }
    committed = table
    open = nil
  }

  public mutating func rollback() throws(CheckpointStoreError) { open = nil }

  public mutating func forEachBlock(
    _ body: (_ id: Int64, _ block: Span<UInt8>) -> Bool
  ) throws(CheckpointStoreError) {
    for row in (open ?? committed).rows where !body(row.id, row.block.span) { return }
  }

  public mutating func forEachHead(
    _ ids: ClosedRange<Int64>, bytes count: Int,
    _ body: (_ id: Int64, _ byteCount: Int, _ head: Span<UInt8>) -> Bool
  ) throws(CheckpointStoreError) {
    for row in (open ?? committed).rows where ids.contains(row.id) {
      let head = row.block.span.extracting(first: count)
      if !body(row.id, row.block.count, head) { return }
    }
  }

  public mutating func meta(_ key: String) throws(CheckpointStoreError) -> [UInt8]? {
    (open ?? committed).meta.first { $0.key == key }?.value
  }

  private mutating func change(_ body: (inout Table) -> Void) {
    guard open != nil else { preconditionFailure("changes are made within a transaction") }
    body(&open!)
  }
}
