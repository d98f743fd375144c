import Platform
import Server

enum Help {
  static func run() -> Never {
    Console.say(
      """
      dynaswift \(Server.version): a JSON key-value store with live updates

        dynaswift <LISTEN_ADDRESS> [JOIN_ADDRESS]    start a node (also: dynaswift serve …)
        dynaswift health [ADDRESS]                   ask a node whether it answers; exit code 0 if so
                                                       (--ready: whether it holds what its cluster
                                                       holds; https://… or DYNA_MODE=https: by TLS)
        dynaswift snapshot now                       write a snapshot of the data directory's node
        dynaswift snapshot list                      list the snapshots
        dynaswift snapshot verify <FILE>             read a snapshot to its end and count its records
        dynaswift snapshot restore <FILE> <DIR>      make a data directory of a snapshot
        dynaswift keys list                          show the data keys, their ages and what needs them
        dynaswift keys rotate                        make a new data key for everything from now on
        dynaswift keys rewrap --new-key-file <FILE>  protect the data keys by another key file
        dynaswift members list [ADDRESS]             who belongs to a node's cluster
        dynaswift members remove <MEMBER> [ADDRESS]  take out one that does not come back, by its number
                                                       or address (--force: also one that is alive)
        dynaswift version

      JWT_SECRET must be set. Settings come from flags (--data-dir, --durability, …), from the
      environment (DYNA_DATA_DIR, DYNA_DURABILITY, …) or from a .env file, in this order; the README
      says what they mean:

      \(flags())
      """)
    Machine.exit(.success)
  }

  /// All flags, in lines of at most a terminal's width.
  private static func flags() -> String {
    var lines = [" "]
    for flag in Configuration.flags {
      if lines[lines.count - 1].utf8.count + 1 + flag.utf8.count > 98 { lines.append(" ") }
      lines[lines.count - 1] += " \(flag)"
    }
    return lines.joined(separator: "\n")
  }
}

enum Version {
  static func run() -> Never {
    Console.say("dynaswift \(Server.version)")
    Machine.exit(.success)
  }
}
