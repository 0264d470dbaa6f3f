// The stdio protocol of the conformance runner, around a toy server: one request per line in, one answer per line out.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

type request struct {
	ID       int                 `json:"id"`
	Op       string              `json:"op"`
	JID      string              `json:"jid"`
	From     string              `json:"from"`
	XML      string              `json:"xml"`
	Account  string              `json:"account"`
	Accounts map[string]*account `json:"accounts"`
}

func answer(srv *server, r request) (result map[string]any) {
	defer func() { // the server panics with a text if it does not have what a stanza needs
		if reason, missing := recover().(string); missing {
			result = map[string]any{"not_applicable": reason}
		}
	}()
	switch r.Op {
	case "hello":
		ops := []string{"connect", "send", "remote_send", "disconnect", "roster"}
		can := map[string]any{"ops": ops, "features": []string{"no-preapproval"}, "sees_requests": true}
		return map[string]any{"protocol": 1, "name": "stdio-go-example", "version": "1.0.0", "server": can}
	case "begin":
		*srv = server{accounts: r.Accounts}
		for jid, each := range r.Accounts {
			each.jid, each.srv = jid, srv
		}
	case "connect":
		owner := srv.accounts[bare(r.JID)]
		owner.sessions = append(owner.sessions, &session{jid: r.JID})
	case "send":
		owner := srv.accounts[bare(r.From)]
		owner.send(owner.at(r.From)[0], read(r.XML))
	case "remote_send":
		srv.route(read(r.XML))
	case "disconnect":
		owner := srv.accounts[bare(r.JID)]
		owner.leave(owner.at(r.JID)[0])
	case "roster":
		return map[string]any{"roster": srv.accounts[r.Account].Roster}
	}
	result = map[string]any{}
	if srv.deliver != nil {
		result["deliver"] = srv.deliver
	}
	if srv.remote != nil {
		result["remote"] = srv.remote
	}
	srv.deliver, srv.remote = nil, nil
	return result
}

func main() {
	lines, srv := bufio.NewScanner(os.Stdin), &server{}
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			panic(err)
		}
		result := answer(srv, r)
		result["id"] = r.ID
		text, _ := json.Marshal(result)
		fmt.Println(string(text))
	}
}
