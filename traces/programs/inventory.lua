-- What scripts do all day: read text, split it, count, keep records in tables, sort, format, forget.
-- usage: lua inventory.lua [ROUNDS]

local rounds = tonumber(arg and arg[1]) or 12
local seed = 42

local function chance(n)
	seed = (seed * 1103515245 + 12345) % 2147483648
	return seed // 65536 % n + 1
end

local parts = {"bolt", "washer", "gear", "spring", "bearing", "lever", "valve", "gasket", "piston", "flange"}
local places = {"shelf", "bin", "rack", "crate"}

local function make_report(lines)
	local out = {}
	for i = 1, lines do
		out[i] = string.format("%s-%d;%s %d;%d;%.2f", parts[chance(#parts)], chance(400), places[chance(4)],
			chance(60), chance(500), chance(9999) / 100)
	end
	return table.concat(out, "\n")
end

-- One record a line; fields by name.
local function parse(text)
	local records = {}
	for line in text:gmatch("[^\n]+") do
		local name, place, count, price = line:match("^([^;]+);([^;]+);(%d+);([%d.]+)$")
		records[#records + 1] = {name = name, place = place, count = tonumber(count), price = tonumber(price),
			tags = {}}
	end
	return records
end

local Stock = {}
Stock.__index = Stock

function Stock.new()
	return setmetatable({by_name = {}, order = {}, log = {}}, Stock)
end

function Stock:add(record)
	local item = self.by_name[record.name]
	if not item then
		item = {name = record.name, total = 0, worth = 0, where = {}}
		self.by_name[record.name] = item
		self.order[#self.order + 1] = item
	end
	item.total = item.total + record.count
	item.worth = item.worth + record.count * record.price
	item.where[record.place] = (item.where[record.place] or 0) + record.count
	self.log[#self.log + 1] = record.name .. " at " .. record.place
	if #self.log > 200 then self.log = {} end
end

function Stock:each()
	local i = 0
	return function()
		i = i + 1
		return self.order[i]
	end
end

-- A text with indentation, as a program that writes JSON makes it.
local function encode(value, depth)
	if type(value) == "string" then return '"' .. value:gsub('"', '\\"') .. '"' end
	if type(value) ~= "table" then return tostring(value) end
	local names, pieces = {}, {}
	for name in pairs(value) do names[#names + 1] = tostring(name) end
	table.sort(names)
	for _, name in ipairs(names) do
		pieces[#pieces + 1] = (" "):rep(depth) .. '"' .. name .. '": ' .. encode(value[name], depth + 1)
	end
	return "{\n" .. table.concat(pieces, ",\n") .. "\n" .. (" "):rep(depth) .. "}"
end

local stock, written = Stock.new(), 0
for round = 1, rounds do
	for _, record in ipairs(parse(make_report(700))) do stock:add(record) end
	table.sort(stock.order, function(a, b) return a.worth > b.worth or a.worth == b.worth and a.name < b.name end)
	local best = {}
	for item in stock:each() do
		if #best == 40 then break end
		best[#best + 1] = {name = item.name, total = item.total, where = item.where}
	end
	written = written + #encode({round = round, best = best}, 0)
	if round % 5 == 0 then
		for i = #stock.order, 1, -2 do
			stock.by_name[stock.order[i].name] = nil
			table.remove(stock.order, i)
		end
	end
end
print(#stock.order, written)
