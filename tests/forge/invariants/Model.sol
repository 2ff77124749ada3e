// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What the contracts ought to hold, kept on its own
/// @dev Shares no code and no way of counting with the contracts: awards are lots with the time they were earned, changes
/// take effect when their time comes, caps are a ledger by day. Points are hundredths of a point, times are seconds.
abstract contract Model {
    enum Announced {
        Nothing,
        End,
        Bonus,
        MerchantOff
    }

    enum Standing {
        None,
        Invited,
        Accepted
    }

    struct Lot {
        uint256 points;
        uint256 earned;
    }

    struct Purse {
        uint256 free;
        Lot[] held;
        uint256 nonce;
        bool stay;
    }

    struct Terms {
        address owner;
        address candidate;
        uint256 end;
        uint256 hold;
        bool closed;
        uint256 expiry;
        uint256 bonus;
        uint256 budget;
        uint256 pot;
        Announced announced;
        uint256 due;
        uint256 value;
    }

    uint256 internal constant WEEK = 604_800;

    uint256 internal campaigns;
    mapping(uint256 id => Terms) internal terms;
    mapping(uint256 id => mapping(address => Purse)) private _purses;
    mapping(uint256 id => mapping(address => Standing)) internal standing;
    mapping(uint256 id => mapping(address key => uint256)) internal caps;
    mapping(uint256 id => mapping(address key => mapping(uint256 day => uint256))) internal used;
    mapping(uint256 id => mapping(uint256 number => uint256)) internal landings;
    mapping(address merchant => mapping(address => bool)) internal delegated;

    uint256 internal supply;
    mapping(address => uint256) internal wallets;
    mapping(address => uint256) internal walletNonces;
    mapping(address => mapping(address => uint256)) internal allowances;

    /// @dev What came without being asked for and belongs to nobody.
    uint256 internal strayPoints;
    uint256 internal strayAtToken;
    uint256 internal strayAtHub;
    uint256 internal fees;

    // ------------------------------------------------------------- accounts

    function purse(uint256 id, address who) internal view returns (Purse storage) {
        return _purses[id][who];
    }

    function free(uint256 id, address who) internal view returns (uint256 points) {
        Purse storage p = _purses[id][who];
        points = p.free;
        for (uint256 i = 0; i < p.held.length; ++i) {
            if (_ripe(id, p.held[i])) points += p.held[i].points;
        }
    }

    function held(uint256 id, address who) internal view returns (uint256 points, uint256 next) {
        Purse storage p = _purses[id][who];
        for (uint256 i = 0; i < p.held.length; ++i) {
            Lot storage lot = p.held[i];
            if (_ripe(id, lot) || lot.points == 0) continue;
            points += lot.points;
            if (next == 0 || _ripeAt(id, lot) < next) next = _ripeAt(id, lot);
        }
    }

    function award(uint256 id, address who, uint256 points) internal {
        if (terms[id].hold == 0) _purses[id][who].free += points;
        else _purses[id][who].held.push(Lot(points, block.timestamp));
    }

    function bring(uint256 id, address who, uint256 points) internal {
        _purses[id][who].free += points;
    }

    function take(uint256 id, address who, uint256 points) internal {
        Purse storage p = _purses[id][who];
        p.free = free(id, who);
        uint256 kept;
        for (uint256 i = 0; i < p.held.length; ++i) {
            if (_ripe(id, p.held[i]) || p.held[i].points == 0) continue;
            p.held[kept++] = p.held[i];
        }
        while (p.held.length > kept) p.held.pop();
        p.free -= points;
    }

    /// @return taken of what is still held, the youngest first
    function takeBack(uint256 id, address who, uint256 points) internal returns (uint256 taken) {
        Purse storage p = _purses[id][who];
        for (uint256 i = p.held.length; i > 0 && taken < points; --i) {
            Lot storage lot = p.held[i - 1];
            if (_ripe(id, lot)) continue;
            uint256 part = lot.points < points - taken ? lot.points : points - taken;
            lot.points -= part;
            taken += part;
        }
    }

    /// @return points all there was
    function empty(uint256 id, address who) internal returns (uint256 points) {
        Purse storage p = _purses[id][who];
        (uint256 rest,) = held(id, who);
        points = free(id, who) + rest;
        p.free = 0;
        delete p.held;
    }

    function _ripe(uint256 id, Lot storage lot) private view returns (bool) {
        return block.timestamp >= _ripeAt(id, lot);
    }

    function _ripeAt(uint256 id, Lot storage lot) private view returns (uint256) {
        uint256 hold = terms[id].hold;
        return lot.earned - (lot.earned % hold) + 2 * hold;
    }

    // ------------------------------------------------------------ campaigns

    function isOver(uint256 id) internal view returns (bool) {
        return block.timestamp >= terms[id].end + WEEK;
    }

    function isExpired(uint256 id) internal view returns (bool) {
        return block.timestamp >= terms[id].expiry + WEEK;
    }

    /// @dev Announced changes take effect by themselves.
    function bringUpToDate() internal {
        for (uint256 id = 1; id <= campaigns; ++id) {
            Terms storage t = terms[id];
            if (t.announced == Announced.Nothing || block.timestamp < t.due) continue;
            if (t.announced == Announced.End) t.end = t.value;
            if (t.announced == Announced.Bonus) t.bonus = t.value;
            if (t.announced == Announced.MerchantOff) standing[id][address(uint160(t.value))] = Standing.None;
            t.announced = Announced.Nothing;
        }
    }

    function today() internal view returns (uint256) {
        return block.timestamp / 86_400;
    }

    function capLeft(uint256 id, address key) internal view returns (uint256) {
        uint256 gone = used[id][key][today()];
        return caps[id][key] > gone ? caps[id][key] - gone : 0;
    }

    /// @return what entering with `points` would add, as far as the pot goes
    function bonusOn(uint256 id, uint256 points) internal view returns (uint256) {
        uint256 wished = points * terms[id].bonus / 10_000;
        return wished < terms[id].pot ? wished : terms[id].pot;
    }

    function mayServe(address caller, address merchant) internal view returns (bool) {
        return caller == merchant || delegated[merchant][caller];
    }
}
