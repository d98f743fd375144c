-- 16 pipelined GETs of random keys per write, out of 100,000 keys. The path must end in "/".
init = function(args)
  math.randomseed(7)
  batches, i = {}, 0
  for n = 1, 1024 do
    local batch = {}
    for k = 1, 16 do
      batch[k] = wrk.format("GET", wrk.path .. string.format("k%06d", math.random(0, 99999)))
    end
    batches[n] = table.concat(batch)
  end
end
request = function() i = i % 1024 + 1; return batches[i] end
