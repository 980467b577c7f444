-- "Gpst": says whose database this is, to Gatepost before it changes anything (see store::origin) and to file(1).
PRAGMA application_id = 1198551924;
