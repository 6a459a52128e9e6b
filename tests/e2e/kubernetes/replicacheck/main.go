// SPDX-License-Identifier: Apache-2.0

// Replicacheck asks Kubernetes' own ReplicaCalculator what the HPA makes of our answers: it reads
// the lines of ../../replica_cases.cc from standard input, prints counts, and fails where
//
//   - the calculator differs from our model of the HPA (tests/support/hpa_model.h),
//   - with every replica measured, it differs from what it makes of the same values as the pods' own
//     metrics, but for the rounding to a thousandth,
//   - with replicas missing, it goes against the ones that are measured.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
)

type pod struct {
	Ready bool   `json:"ready"`
	Value *int64 `json:"value"`
}

type replicaCase struct {
	Type     string `json:"type"`
	Replicas int32  `json:"replicas"`
	Target   int64  `json:"target"`
	Sent     int64  `json:"sent"`
	Branch   string `json:"branch"`
	Expected int32  `json:"expected"`
	Rule     *int32 `json:"rule"`
	Near     bool   `json:"near"`
	Pods     []pod  `json:"pods"`
}

type counts struct {
	cases    map[string]int
	measured int
	rounded  int
}

func main() {
	total := counts{cases: map[string]int{}}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	failed := 0
	for lines.Scan() {
		var c replicaCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fail("%v: %s", err, lines.Text())
		}
		if err := check(&c, &total); err != nil {
			failed++
			fmt.Fprintf(os.Stderr, "%v: %s\n", err, lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		fail("%v", err)
	}
	print(&total)
	if failed > 0 {
		fail("%d cases failed", failed)
	}
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "replicacheck: "+format+"\n", arguments...)
	os.Exit(1)
}

func print(total *counts) {
	var names []string
	all := 0
	for name, count := range total.cases {
		names = append(names, name)
		all += count
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Printf("%6d  %s\n", total.cases[name], name)
	}
	fmt.Printf("%6d  cases; of %d with every replica measured, %d rounded by the HPA\n",
		all, total.measured, total.rounded)
}

// check counts the case and says what is wrong with it.
func check(c *replicaCase, total *counts) error {
	total.cases[c.Type+" "+c.Branch]++
	wanted, err := external(c)
	if err != nil {
		return err
	}
	if wanted != c.Expected {
		return fmt.Errorf("the calculator says %d, the model %d", wanted, c.Expected)
	}
	if c.Rule == nil {
		return checkDirection(c, wanted)
	}
	total.measured++
	rule, err := ownMetrics(c)
	if err != nil {
		return err
	}
	if rule != *c.Rule {
		return fmt.Errorf("of the pods' own metrics the calculator says %d, the model %d", rule, *c.Rule)
	}
	if wanted == rule {
		return nil
	}
	total.rounded++
	if !c.Near {
		return fmt.Errorf("%d of our answer, %d of the pods' own metrics", wanted, rule)
	}
	return nil
}

// checkDirection is for a case in which replicas are missing.
func checkDirection(c *replicaCase, wanted int32) error {
	var sum, n int64
	for _, one := range c.Pods {
		if one.Value != nil {
			sum += *one.Value
			n++
		}
	}
	switch {
	case n == 0 && wanted != c.Replicas:
		return fmt.Errorf("%d with nothing measured, not held", wanted)
	case sum > c.Target*n && wanted < c.Replicas:
		return fmt.Errorf("down to %d above the target", wanted)
	case sum <= c.Target*n && wanted > c.Replicas:
		return fmt.Errorf("up to %d under the target", wanted)
	}
	return nil
}
