import Platform

enum Help {
  static func run() -> Never {
    Console.say(
      """
      dynabench: measures a DynaSwift node, and loads data into one

        dynabench get  [ADDRESS] [options]    read random keys, keep-alive
        dynabench put  [ADDRESS] [options]    write random keys, keep-alive
        dynabench load [ADDRESS] [options]    write each key once, or the lines of a file
        dynabench sse  [ADDRESS] [options]    subscribe many streams, publish, time every delivery
        dynabench help

      ADDRESS is host:port (127.0.0.1:6660 where it is left out), with or without http:// or https://.
      Keys are k000000, k000001, … of the table. One thread, on one core.

      All verbs
        --table NAME          the table (default)
        --token T             the token to send, or
        --user NAME           log in as this user first, who is registered if nobody has the name,
        --secret S              with this secret. put, load and sse need a token or a user
        --pid PID             the node's process on this machine: report its CPU time and memory
        --https               speak TLS, as to an address with https://
        --ca FILE             the authority that the node's certificate must be of (cert/ca.crt);
                              the certificate must name the address. Implies --https
        --json                one JSON object instead of text; times in microseconds

      get, put
        --connections N       connections, all open before the clock starts (64)
        --pipeline N          requests in flight on each (1)
        --seconds N           how long (5)
        --keys N              how many keys to choose from (100000)
        --value-bytes N       put: bytes of each value (100)
        --rate N              open loop: N requests a second at fixed times, over all connections.
                              Latency counts from the time at which a request was due, so that a
                              stall counts for all requests that it held up. Without it each
                              connection sends when it has room, and latency counts from then

      load
        --keys N              how many keys to write, from k000000 on (100000)
        --value-bytes N       bytes of each value (100)
        --file F              write the lines of F instead (- for standard input), up to 1 GiB:
                              each a key, a tab and the JSON of its value
        --connections N       connections (16)
        --pipeline N          requests in flight on each (16)
        Lines travel side by side: of a key that occurs twice either line may be the last.

      sse
        --subscribers N       streams (100)
        --spread-keys K       over K keys, s000000 and on, in turn (1)
        --messages N          changes to publish, over all keys (50)
        --rate N              changes a second, at fixed times (10)
        --value-bytes N       pad each value to so many bytes
        Latency is from the moment a change is sent to the moment its event is read, for every
        stream that should see it. Reading ten thousand streams takes time too: it counts.

      Exit code: 0 all was done and answered well · 1 it could not be started, or the node went away
      · 65 something was refused, lost or missed.

      CPU per request is user and system time of the whole process, which the kernel counts in
      steps of 10 ms: runs of a few seconds are exact to about one per cent.
      """)
    Machine.exit(.success)
  }
}
