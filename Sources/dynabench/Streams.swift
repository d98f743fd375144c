enum Streams { static func run(_ words: [String]) -> Never { Console.fail("sse") } }
