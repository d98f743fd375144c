import Foundation

/// What one writer has been told is kept: it writes, deletes and creates users until the node dies,
/// and later compares.
final class Journal: @unchecked Sendable {
  private let writer: Int
  private let lock = NSLock()
  private var count = 0
  /// The last acknowledged state of each key; nil is deleted.
  private var acknowledged: [String: Record?] = [:]
  /// Keys whose last request was sent but not answered: either state is right.
  private var open: [String: ByteText] = [:]
  private var users: [String] = []
  private var usersChecked = 0

  /// Blanks in each value, to make the log longer.
  private let padding: String

  init(writer: Int, paddingBytes: Int = 0) {
    self.writer = writer
    padding = String(repeating: " ", count: paddingBytes)
  }

  /// Acknowledged changes so far.
  var progress: Int { lock.withLock { count } }

  /// Sends changes until the connection breaks, or as many as told.
  func write(to node: Node, changes: Int = .max) {
    let client = Client(node, as: "writer\(writer)")
    var number = progress
    var left = changes
    while left > 0 {
      left -= 1
      number += 1
      let key = "w\(writer)-\(number % 25)"
      let value = ByteText("{\"n\":\(padding)\(number)}")
      do {
        if number % 150 == 7 {
          let user = "user\(writer)-\(number)"
          guard try client.login(user, "s").status == 200 else { return }
          users.append(user)
        } else if number % 7 == 3, case .some(.some) = acknowledged[key] {
          open[key] = "deleted"
          guard try client.delete("t", key).status == 200 else { return }
          acknowledged[key] = .some(nil)
        } else {
          open[key] = value
          acknowledged[key] = try client.store("t", key, value)
        }
        open[key] = nil
        lock.withLock { count += 1 }
      } catch {
        return
      }
    }
  }

  /// Compares with what the node serves after a restart.
  func check(_ client: Client) throws {
    for (key, state) in acknowledged {
      let response = try client.get("t", key)
      let found = response.status == 200 ? try response.record() : nil
      // Also where a change was sent twice: it took place before, and the second time did not.
      if found == state { continue }
      if let unanswered = open[key] {
        let applied = unanswered == "deleted" ? found == nil : found?.value == unanswered
        if applied {
          if let before = state, let found {
            guard found.version > before.version else { throw Trouble("\(key) went back") }
          }
          acknowledged[key] = found
          continue
        }
      }
      throw Trouble(
        "\(key): \(String(describing: found)), acknowledged \(String(describing: state))")
    }
    open = [:]
    // Each costs the node a password hash: the new ones, and some that were there before.
    for user in users.suffix(from: usersChecked) + users.prefix(2) {
      guard try client.authenticate(user, #"{"secret":"s","register":true}"#).status == 400 else {
        throw Trouble("user \(user) is gone")
      }
    }
    usersChecked = users.count
  }
}
