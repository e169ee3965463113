-- Orleans' table of grain states has no key: two first writes of one state at once would both be stored, and never be
-- read again. Of the masters' view there is one row. Partial, so that nobody else's states are touched.
CREATE UNIQUE INDEX diststore_one_view ON OrleansStorage (serviceid, graintypehash, grainidhash, grainidn0, grainidn1)
WHERE graintypestring = 'masters' AND grainidextensionstring IS NULL;
