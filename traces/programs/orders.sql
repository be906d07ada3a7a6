-- A small shop in memory: customers, orders, reports, and a year's cleaning up.
.bail on
PRAGMA cache_size = 400;
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT, note TEXT);
CREATE TABLE product (id INTEGER PRIMARY KEY, title TEXT UNIQUE, cents INTEGER);
CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer,
	product INTEGER REFERENCES product, day TEXT, pieces INTEGER);
CREATE INDEX purchase_day ON purchase (day);
CREATE INDEX purchase_customer ON purchase (customer, product);
CREATE TABLE history (id INTEGER PRIMARY KEY, what TEXT);
CREATE TRIGGER noted AFTER UPDATE ON product BEGIN
	INSERT INTO history (what) VALUES (printf('%s: %d to %d', old.title, old.cents, new.cents));
END;

BEGIN;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
INSERT INTO customer SELECT i, printf('customer %05d', i * 7919 % 99991),
	substr('Turku Porto Lagos Quito Osaka Sofia', 1 + i % 6 * 6, 5),
	CASE i % 5 WHEN 0 THEN substr('likes long descriptions that nobody reads to the end', 1, i % 53) END
	FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
INSERT INTO product SELECT i, printf('%s no. %d', substr('bolt nut  washer screw nail  ', 1 + i % 5 * 6, 5), i),
	50 + i * 37 % 2000 FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
INSERT INTO purchase SELECT i, 1 + i * 31 % 1500, 1 + i * 17 % 300,
	date('2024-01-01', printf('+%d days', i * 13 % 366)), 1 + i % 9 FROM n;
COMMIT;

-- Reports: sorters, groups, joins, windows, texts made and dropped.
SELECT city, count(*), sum(pieces * cents) / 100.0 FROM purchase
	JOIN customer ON customer.id = customer JOIN product ON product.id = product
	GROUP BY city ORDER BY 3 DESC;
SELECT strftime('%m', day) AS month, title, sum(pieces) AS n FROM purchase
	JOIN product ON product.id = product GROUP BY month, title HAVING n > 9 ORDER BY month, n DESC LIMIT 40;
SELECT name, group_concat(title, ', ') FROM (SELECT DISTINCT customer, product FROM purchase WHERE day < '2024-02-15')
	JOIN customer ON customer.id = customer JOIN product ON product.id = product GROUP BY name LIMIT 60;
SELECT day, sum(pieces) OVER (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) FROM
	(SELECT day, sum(pieces) AS pieces FROM purchase GROUP BY day) LIMIT 366;
SELECT json_group_array(json_object('id', id, 'name', name, 'city', city)) FROM customer WHERE id % 7 = 0;
SELECT count(*) FROM customer AS a JOIN customer AS b ON a.note = b.note AND a.id < b.id;
SELECT upper(title) || replace(printf('%.*c', id % 40, 'x'), 'x', '-+') FROM product ORDER BY title DESC LIMIT 100;

-- Changes, with their history; what is rolled back is made and freed as well.
UPDATE product SET cents = cents * 11 / 10 WHERE id % 3 = 0;
BEGIN;
DELETE FROM purchase WHERE customer % 2 = 0;
UPDATE customer SET note = coalesce(note, '') || ' (moved)' WHERE city = 'Osaka';
ROLLBACK;
DELETE FROM purchase WHERE day < '2024-04-01';
CREATE TABLE yearly AS SELECT customer, sum(pieces) AS pieces FROM purchase GROUP BY customer;
DROP INDEX purchase_day;
VACUUM;
SELECT count(*), sum(length(what)) FROM history;
ANALYZE;
