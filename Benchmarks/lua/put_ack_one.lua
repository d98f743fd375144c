-- put100.lua of the peers with `?ack=one`: the answer waits for this node's disk alone. wrk.path ends in "/".
init = function(args)
  math.randomseed(7)
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
  reqs, i = {}, 0
  local pad = string.rep("x", 64)
  for n = 1, 16384 do
    local k = math.random(0, 99999)
    local value = '{"value":{"id":' .. string.format("%5d", k) .. ',"pad":"' .. pad .. '","ok":true}}'
    reqs[n] = wrk.format("PUT", wrk.path .. string.format("k%06d?ack=one", k), nil, value)
  end
end
request = function() i = i % 16384 + 1; return reqs[i] end
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("{\"rps\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"failed\":%d}\n",
    summary.requests / summary.duration * 1e6, latency:percentile(50), latency:percentile(99), failed))
end
