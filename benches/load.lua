-- Load for wrk: METHOD PATH TOKEN BODY-FILE SPREAD, where %d of PATH becomes a number.
-- SPREAD n > 0 goes round n paths, whose requests are made beforehand; 0 never repeats a path.
-- METHOD is one of HTTP's, or MIXED: nineteen of twenty requests read, one writes.

local threads = 0

function setup(thread)
  thread:set("thread_id", threads)
  threads = threads + 1
end

local method, path, headers, body, made, writes, spread
local turn = 0

local function numbered(how, n, what)
  -- The two numbers of `fill`: directory, then child.
  local at = path:gsub("%%d", math.floor(n / 100), 1):gsub("%%d", n % 100, 1)
  return wrk.format(how, at, headers, what)
end

function init(args)
  method, path, spread = args[1], args[2], tonumber(args[5])
  headers = { ["Content-Type"] = "application/json" }
  if args[3] ~= "-" then headers["X-Vault-Token"] = args[3] end
  if args[4] ~= "-" then
    local file = assert(io.open(args[4]))
    body = file:read("*a")
    file:close()
  end
  made, writes = {}, {}
  for n = 1, spread do
    if method == "MIXED" then
      made[n] = numbered("GET", n - 1)
      writes[n] = numbered("POST", n - 1, body)
    else
      made[n] = numbered(method, n - 1, body)
    end
  end
  -- Runs one after the other must not repeat paths either.
  turn = spread > 0 and 0 or thread_id * 100000000 + (os.time() % 100000) * 1000000
end

function request()
  turn = turn + 1
  if spread == 0 then return numbered(method, turn, body) end
  local from = (method == "MIXED" and turn % 20 == 0) and writes or made
  return from[turn % spread + 1]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
