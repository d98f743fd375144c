// The load generator: each verb has a file of its own. `dynabench help` lists verbs and options.

import Platform

let words = Machine.arguments
let rest = Array(words.dropFirst())

switch words.first {
case nil, "help", "--help", "-h": Help.run()
case _ where rest.contains("--help") || rest.contains("-h"): Help.run()
case "get": Get.run(rest)
case "put": Put.run(rest)
case "load": Load.run(rest)
case "sse": SSE.run(rest)
case let verb?: Console.fail("there is no verb \(verb); `dynabench help` lists them")
}
