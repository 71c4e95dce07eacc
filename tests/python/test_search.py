# SPDX-License-Identifier: MIT
"""Searches."""
import pickle

from support import Case, main

import chrondb


class Search(Case):
    def setUp(self):
        super().setUp()
        self.db = self.open()
        self.db.update(
            {
                "user:1": {"name": "Alice Smith", "age": 30, "city": "Lisbon"},
                "user:2": {"name": "Bob Smith", "age": 25, "city": "Porto"},
                "user:3": {"name": "Carol", "age": 41, "city": "Lisbon"},
                "page:1": {"title": "Travelling with Alice"},
            }
        )

    def keys(self, query, **options):
        return [hit.key for hit in self.db.search(query, **options)]

    def test_queries(self):
        self.assertEqual(sorted(self.keys("alice")), ["page:1", "user:1"])
        self.assertEqual(self.keys("travels alice", default_operator="and"), ["page:1"])
        self.assertEqual(self.keys("age:[26 TO *]", sort="age:desc"), ["user:3", "user:1"])
        self.assertEqual(self.keys("alice", table="user"), ["user:1"])
        self.assertEqual(self.keys("smith", limit=0), [])
        self.assertEqual(self.keys("*:*", sort="_key", limit=2, offset=1), ["user:1", "user:2"])
        self.assertEqual(len(self.keys("*:*", limit=None)), 4)
        hit = next(self.db.search("name:alice"))
        self.assertEqual((hit.key, hit.value["age"]), ("user:1", 30))
        self.assertGreater(hit.score, 0)
        self.assertEqual(next(self.db.search("name:alice", raw=True)).value, self.db.get_raw("user:1"))
        self.assertIsNone(next(self.db.search("name:alice", values=False)).value)
        self.assertIsNone(next(self.db.search("name:alice", sort="age")).score)

    def test_what_is_known_of_all_hits(self):
        result = self.db.search("*:*", limit=1, total=True, facets=["city", "age"], facet_limit=1, sort="_key")
        self.assertEqual((result.total, result.commit), (4, self.db.info().head))
        self.assertEqual(result.facets, {"city": [("Lisbon", 2)], "age": [(25, 1)]})
        self.assertEqual(len(list(result)), 1)
        self.assertIsNone(self.db.search("*:*").total)
        self.assertEqual(self.db.search("*:*", limit=0, facets="city").facets["city"], [("Lisbon", 2), ("Porto", 1)])
        self.assertRaises(TypeError, pickle.dumps, result)

    def test_explained(self):
        found = self.db.search("alice OR carol", explain=True, raw=True)
        hit = pickle.loads(pickle.dumps(next(found)))
        self.assertIsInstance(hit, chrondb.ExplainedHit)
        key, score, _ = hit
        self.assertAlmostEqual(hit.scores[0].value, score, 5)
        self.assertEqual([step.text for step in found.plan if step.kind == "term"], ["alic", "carol"])
        self.assertIn(found.stats.caught_up, (0, 4))
        marks = found.highlight(self.db.get_raw(key))
        self.assertIn(self.db.get_raw(key)[slice(*marks[0])], (b"Alice", b"Carol"))
        self.assertEqual(found.highlight('{"n": "nobody"}'), [])
        self.fails(chrondb.InvalidDocumentError, found.highlight, "{")
        plain = self.db.search("alice")
        self.assertEqual((type(next(plain)), plain.plan), (chrondb.Hit, []))

    def test_pages_fit_together_while_others_write(self):
        found, cursor = [], None
        while True:
            result = self.db.search("*:*", limit=1, sort="_key", after=cursor)
            found += [hit.key for hit in result]
            cursor = result.cursor
            if cursor is None:
                break
            self.db["aaa:%d" % len(found)] = "before all"
            self.db.delete("user:3", missing_ok=True)
        self.assertEqual(found, ["page:1", "user:1", "user:2", "user:3"])

    def test_the_past_and_branches(self):
        before = self.db.snapshot()
        self.db.create_branch("dev")
        del self.db["user:1"]
        self.assertEqual(self.keys("name:alice"), [])
        self.assertEqual([hit.key for hit in before.search("name:alice")], ["user:1"])
        self.assertEqual([hit.key for hit in self.db.branch("dev").search("name:alice")], ["user:1"])

    def test_trees(self):
        clause = {"type": "fts", "field": "name", "value": "smith"}
        answer = self.db.query({"clauses": [clause], "sort": [{"field": "age", "direction": "asc"}], "limit": 1})
        self.assertEqual([document["age"] for document in answer["results"]], [25])
        self.assertEqual((answer["total"], answer["limit"], answer["offset"]), (2, 1, 0))
        more = self.db.query(
            {"clauses": [clause], "sort": [{"field": "age", "direction": "asc"}], "limit": 1, "after": answer["next-cursor"]}
        )
        self.assertEqual([document["age"] for document in more["results"]], [30])
        self.db.create_branch("dev")
        self.db.put("user:4", {"name": "Smith"}, "dev")
        for query, branch, total in (({}, "dev", 3), ({"branch": "dev"}, None, 3), ({"branch": "main"}, None, 2)):
            self.assertEqual(self.db.query(dict(query, clauses=[clause]), branch)["total"], total)
        self.assertEqual(self.db.snapshot().query({"clauses": [clause]})["total"], 2)
        self.fails(chrondb.UsageError, self.db.query, {"clauses": [clause], "branch": "dev"}, "main")
        self.fails(chrondb.UsageError, self.db.query, {"clauses": [{"type": "what"}]})

    def test_malformed(self):
        error = self.fails(chrondb.UsageError, self.db.search, "name:(alice")
        self.assertEqual((error.name, error.line, error.column), ("invalid_query", 1, 6))
        self.assertEqual(str(error).splitlines()[1:], ["name:(alice", "     ^"])
        for options, name in (({"after": "x"}, "invalid_cursor"), ({"sort": ":"}, "invalid_sort"), ({"limit": -1}, "usage"),
                              ({"default_operator": "xor"}, "usage")):
            self.assertEqual(self.fails(chrondb.UsageError, self.db.search, "a", **options).name, name)
        self.assertRaises(TypeError, self.db.search, {"clauses": []})


if __name__ == "__main__":
    main()
